"""Whatever is typed or broken: lines that say what to do, the exit code of the contract, never a traceback."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.ports import free_port
from support.processes import XoproxyProcess

from xoproxy import __version__, cli
from xoproxy.cli import main

GOOD = "version: 1\nupstream: http://127.0.0.1:1\npolicy: isolated\n"
BAD = "version: 1\nupstraem: http://127.0.0.1:1\npolicy: isolatd\n"
DOUBTFUL = "version: 1\nupstream: http://127.0.0.1:1\nroutes: [{policy: untouched}, {policy: isolated}]\n"


@pytest.fixture(autouse=True)
def _empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration in the environment or in the working directory."""
    for name in tuple(os.environ):
        if name.startswith("XOPROXY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[2]))  # where it is not installed


def xoproxy(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as users do."""
    return subprocess.run(
        [sys.executable, "-m", "xoproxy", *arguments],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        env={**os.environ, **environment},
        timeout=30,
        check=False,
    )


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"xoproxy {__version__}\n"


@pytest.mark.parametrize("command", ["run", "demo", "check", "show", "schema", "explain", "healthcheck", "version", None])
def test_help_explains_every_command(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"] if command else ["--help"]) == 0
    shown = capsys.readouterr().out

    assert shown.startswith("usage: xoproxy")
    assert len(shown.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: xoproxy"),
        (["--nonsense"], "xoproxy: error: "),
        (["serve"], "invalid choice: 'serve'"),
        (["run", "--upstraem", "x"], "unrecognized arguments: --upstraem x"),
        (["run", "--up", "x"], "unrecognized arguments: --up x"),
        (["run", "-c"], "expected one argument"),
        (["run", "--listen"], "expected one argument"),
        (["run", "stray"], "unrecognized arguments: stray"),
        (["check", "--format", "xml"], "invalid choice: 'xml'"),
        (["version", "--long"], "unrecognized arguments"),
        (["run"], "no configuration: no -c FILE"),
        (["check"], "no configuration: no -c FILE"),
        (["run", "--policy", "isolated"], "or give --upstream URL"),
        (["run", "--upstream", "localhost:5000"], "--upstream"),
        (["run", "--upstream", ""], "--upstream"),
        (["run", "--upstream", "http://user:pass@host"], "user information"),
        (["run", "--upstream", "http://a:1", "--listen", "8080"], "--listen"),
        (["run", "--upstream", "http://a:1", "--listen", ":99999"], "--listen"),
        (["run", "--upstream", "http://a:1", "--policy", "isolatd"], "--policy"),
        (["run", "--upstream", "http://a:1", "--policy", ""], "--policy"),
        (["run", "--upstream", "http://a:1", "--allow-origin", "https://a.example/"], "--allow-origin"),
        (["run", "--upstream", "http://a:1", "--admin", "0.0.0.0:9464"], "--admin"),
        (["run", "--upstream", "http://a:1", "--admin", "nowhere"], "--admin"),
        (["run", "-c", "missing.yaml"], "missing.yaml: XO001 error: there is no such file"),
        (["run", "-c", "."], ".: XO020 error: there is no policy file in this directory"),
        (["run", "-c", "/dev/null"], "not a regular file"),
        (["run", "-c", ""], "-c is empty"),
        (["run", "-c", "a\0b"], "XO001"),
        (["run", "-c", "\udcff.yaml"], "XO001"),
        (["run", "-c", "n" * 5000], "XO001"),
    ],
)
def test_what_means_nothing_is_exit_code_2_and_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    try:
        code = main(arguments)
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), before, strict=True):
            signal.signal(number, handler)
    printed = capsys.readouterr()

    assert code == 2
    assert said in printed.err
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_unclear_variable_is_exit_code_2() -> None:
    ended = xoproxy("run", "--upstream", "http://a:1", XOPROXY_NO_WATCH="perhaps")

    assert (ended.returncode, ended.stderr) == (2, "xoproxy: error: XOPROXY_NO_WATCH is 'perhaps'; write 1 or 0\n")


def test_file_that_is_not_valid_is_exit_code_2_with_every_problem() -> None:
    Path("x.yaml").write_text(BAD)
    ended = xoproxy("run", "-c", "x.yaml")

    assert ended.returncode == 2
    assert ended.stderr.count("x.yaml:") >= 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "strict", "code"),
    [(GOOD, False, 0), (GOOD, True, 0), (DOUBTFUL, False, 0), (DOUBTFUL, True, 1), (BAD, False, 2), (BAD, True, 2)],
)
@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_check_prints_every_problem_and_sets_the_exit_code(
    text: str, strict: bool, code: int, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.yaml").write_text(text)

    assert main(["check", "-c", "x.yaml", "--format", form, *(["--strict"] if strict else [])]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    count = {GOOD: 0, DOUBTFUL: 1, BAD: 2}[text]
    if form == "json":
        assert len(json.loads(printed.out)) == count
    elif form == "github":
        assert printed.out.count("::") == 2 * count
    elif form == "sarif":
        assert len(json.loads(printed.out)["runs"][0]["results"]) == count
    else:
        assert (printed.out == "x.yaml: no problems\n") is (text == GOOD)


def test_check_tells_what_linting_finds_unless_it_is_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    linted = GOOD.replace("isolated", "{coop: same-origin, coep: credentialless}")
    Path("x.yaml").write_text(linted)
    Path("y.yaml").write_text(linted.replace("}", "}  # xoproxy: allow XO308 an intranet without Safari"))

    assert main(["check", "-c", "x.yaml", "--strict"]) == 1
    assert "x.yaml:3:35: XO308 warning: policy.coep: " in capsys.readouterr().out
    assert main(["check", "-c", "y.yaml", "--strict"]) == 0
    assert capsys.readouterr().out == "y.yaml: no problems\n"


def test_check_checks_what_run_would_serve(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XOPROXY_UPSTREAM", "http://a:1")
    monkeypatch.setenv("XOPROXY_POLICY", "isolated")

    assert main(["check"]) == 0
    assert capsys.readouterr().out == "options: no problems\n"


def test_address_in_use_is_exit_code_3_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listening = xoproxy("run", "--upstream", "http://a:1", "--listen", address, "--admin", "127.0.0.1:0")
        admin = xoproxy("run", "--upstream", "http://a:1", "--listen", "127.0.0.1:0", "--admin", address)

    for ended in (listening, admin):
        assert ended.returncode == 3
        assert f"xoproxy: error: cannot listen on {address}: address already in use; another process" in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_certificate_that_cannot_be_read_is_exit_code_3() -> None:
    tls = "{certificate: /no/cert.pem, key: /no/key.pem}"
    Path("x.yaml").write_text(f"{GOOD}listen: [{{address: '127.0.0.1:0', tls: {tls}}}]\nadmin: off\n")
    ended = xoproxy("run", "-c", "x.yaml")

    assert (ended.returncode, ended.stderr) == (3, "xoproxy: error: cannot read /no/cert.pem: no such file or directory\n")


def test_upstream_authority_that_is_missing_is_exit_code_3() -> None:
    upstreams = "upstreams: {a: {urls: ['https://localhost:1'], tls: {ca: /no/ca.pem}}}"
    Path("x.yaml").write_text(f"version: 1\n{upstreams}\nroutes: [{{upstream: a}}]\nlisten: ['127.0.0.1:0']\nadmin: off\n")
    ended = xoproxy("run", "-c", "x.yaml")

    assert ended.returncode == 3
    assert (
        ended.stderr == "xoproxy: error: cannot read /no/ca.pem, which is to verify the upstream a: no such file or directory\n"
    )


def test_token_file_that_is_missing_is_exit_code_3() -> None:
    Path("x.yaml").write_text(f"{GOOD}listen: ['127.0.0.1:0']\nadmin: {{address: '127.0.0.1:0', token_file: /no/token}}\n")
    ended = xoproxy("run", "-c", "x.yaml")

    assert ended.returncode == 3
    assert ended.stderr.startswith("xoproxy: error: cannot read admin.token_file /no/token: ")


def test_warnings_are_told_at_the_start_and_hinder_nothing(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "x.yaml").write_text(DOUBTFUL)
    arguments = ["run", "-c", str(tmp_path / "x.yaml"), "--listen", f"127.0.0.1:{port}", "--admin", "off"]
    process = XoproxyProcess(arguments, tmp_path / "log")
    process.wait_for_port(port)
    process.wait_for_output("warning")
    process.stop()


def test_what_linting_finds_is_told_at_the_start(tmp_path: Path) -> None:
    """The first fifty of it."""
    port = free_port()
    policies = "".join(f"  p{number}: {{}}\n" for number in range(60))
    (tmp_path / "x.yaml").write_text(f"{GOOD}policies:\n{policies}")
    arguments = ["run", "-c", str(tmp_path / "x.yaml"), "--listen", f"127.0.0.1:{port}", "--admin", "off"]
    process = XoproxyProcess(arguments, tmp_path / "log")
    process.wait_for_output("and 10 more; xoproxy check lists them")
    process.stop()

    assert (tmp_path / "log").read_text().count("XO331 warning") == 50


def test_reader_that_goes_away_is_no_traceback() -> None:
    """As `xoproxy check | head -0`: nothing but the exit code tells."""
    Path("x.yaml").write_text(BAD)
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "xoproxy", "check", "-c", "x.yaml"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (3, b"")


def test_output_that_has_no_room_is_told(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "xoproxy", "show", "-c", "good.yaml"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (3, b"xoproxy: error: the output cannot be written: no space left on device\n")


def test_output_has_escapes_where_the_locale_has_no_letters(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("version: 1\nüpstream: http://127.0.0.1:1\n", "utf-8")
    ended = xoproxy("check", "-c", "other.yaml", PYTHONIOENCODING="ascii")

    assert (ended.returncode, ended.stderr) == (2, "")
    assert '"\\xfcpstream" is not a key' in ended.stdout


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "xoproxy: interrupted\n"),
        (ZeroDivisionError("odd"), 3, "xoproxy: internal error: ZeroDivisionError: odd (test_cli.py:"),
    ],
)
def test_what_nobody_foresaw_is_one_line(
    fault: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise fault

    monkeypatch.setattr(cli, "_dispatch", fail)

    assert main([]) == code
    assert capsys.readouterr().err.startswith(said)


def test_arguments_are_those_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["xoproxy", "version"])

    assert main() == 0


def test_command_without_any_standard_stream_does_its_work() -> None:
    """As `<&- >&- 2>&-`, or a supervisor that gives none."""
    command = f"exec {sys.executable} -m xoproxy version <&- >&- 2>&-"
    ended = subprocess.run(["/bin/sh", "-c", command], timeout=30, check=False)

    assert ended.returncode == 0
