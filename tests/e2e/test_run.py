"""`xoproxy run` as a process: what it says at the start, what it needs, how it ends."""

import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.backends import Reply
from support.fixtures import PlainFactory, ProxyFactory
from support.ports import free_port
from support.processes import XoproxyProcess


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return where a process may write."""
    return tmp_path / "xoproxy.log"


@pytest.fixture
def stopped_at_the_end() -> Iterator[list[XoproxyProcess]]:
    """Return a list; each process in it must end well on SIGTERM."""
    running: list[XoproxyProcess] = []
    yield running
    for process in running:
        process.stop()


def test_options_alone_are_a_configuration(plain: PlainFactory, log: Path, stopped_at_the_end: list[XoproxyProcess]) -> None:
    """Upstream and preset on the command line: no file is needed, and the start says what happens where."""
    backend, port = plain({"/": Reply(b"a page")}), free_port()
    options = ["--upstream", backend.url, "--policy", "isolated", "--listen", f"127.0.0.1:{port}", "--admin", "off"]
    process = XoproxyProcess(["run", *options], log)
    stopped_at_the_end.append(process)
    process.wait_for_port(port)

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
        fields, content = response.headers, response.read()

    process.wait_for_output("isolated")
    assert content == b"a page"
    assert fields["Cross-Origin-Opener-Policy"] == "same-origin"
    assert f"127.0.0.1:{port}" in process.output
    assert backend.url in process.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_it_well(proxy: ProxyFactory, plain: PlainFactory, number: signal.Signals) -> None:
    """SIGTERM, as containers send it, and Ctrl-C: exit code 0, nothing of a fault in the log."""
    running = proxy(f"version: 1\nupstream: {plain({}).url}\npolicy: isolated\n")

    running.stop(number)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("version: 1\nupstream: http://127.0.0.1:1\npolicy: isolatd\n", "isolated", id="misspelled-preset"),
        pytest.param("version: 1\nupstream: [\n", ":", id="broken-yaml"),
        pytest.param("", "version", id="empty"),
    ],
)
def test_invalid_file_is_exit_code_2_and_no_traceback(log: Path, tmp_path: Path, text: str, says: str) -> None:
    """The process does not start with a file that it cannot use, and says what is wrong with it."""
    file = tmp_path / "xoproxy.yaml"
    file.write_text(text)

    process = XoproxyProcess(["run", "-c", str(file)], log)

    assert process.wait() == 2
    assert says in process.output
    assert "Traceback" not in process.output
