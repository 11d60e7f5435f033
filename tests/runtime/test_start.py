"""What is said at the start, signals that come early, and the admin endpoint's token."""

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.records import exchange_record
from support.wire import until

from xoproxy.config import Loaded
from xoproxy.config.settings import LogLevel
from xoproxy.runtime import process
from xoproxy.runtime.announcement import announcement
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.process import Process
from xoproxy.runtime.signals import HANDLED, HeldSignals
from xoproxy.runtime.token import read_token
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.history import History

FRONT_DOOR = """
version: 1
upstreams: {web: 'http://web:3000', api: {urls: ['http://api:5000', 'https://api-2']}}
routes:
  - match: {host: api.example.com, path: /v1/**, methods: [GET, POST], destinations: [empty], headers: {X-Key: secret}}
    upstream: api
    policy: public-asset
  - upstream: web
    policy: isolated
"""


def test_announcement_says_where_it_listens_where_it_forwards_and_which_policy(compiled: Callable[[str], Loaded]) -> None:
    matched = "GET POST api.example.com/v1/**  (by Sec-Fetch-Dest, X-Key)"
    text = announcement(compiled(FRONT_DOOR).generation, "1.2", ["0.0.0.0:8080", "[::]:8080"], ["127.0.0.1:9464"])

    assert text.splitlines() == [
        "xoproxy 1.2, configuration xoproxy.yaml",
        "  listening on  0.0.0.0:8080",
        "  listening on  [::]:8080",
        f"  forwarding    {matched} -> http://api:5000, https://api-2  policy: public-asset",
        "  forwarding    everything -> http://web:3000  policy: isolated",
        "  admin         127.0.0.1:9464",
    ]


def test_announcement_says_that_the_admin_endpoint_is_off(compiled: Callable[[str], Loaded]) -> None:
    assert announcement(compiled(FRONT_DOOR).generation, "1.2", [], []).endswith("admin         off")


async def test_signals_that_come_before_the_loop_are_kept_and_later_ones_follow() -> None:
    before = {number: signal.getsignal(number) for number in HANDLED}
    signals = HeldSignals()
    taken: list[signal.Signals] = []
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        signals.hand_over(asyncio.get_running_loop(), taken.append)
        assert taken == [signal.SIGHUP, signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(10):
            while len(taken) < 3:
                await asyncio.sleep(0)
    finally:
        signals.release()

    assert taken[2:] == [signal.SIGINT]
    assert {number: signal.getsignal(number) for number in HANDLED} == before


def test_signals_at_the_end_are_ignored() -> None:
    signals = HeldSignals()
    try:
        signals.ignore()
        os.kill(os.getpid(), signal.SIGTERM)
        assert {signal.getsignal(number) for number in HANDLED} == {signal.SIG_IGN}
    finally:
        signals.release()


@pytest.mark.parametrize(
    ("environ", "content", "token"),
    [
        pytest.param({}, None, None, id="none"),
        pytest.param({"XOPROXY_ADMIN_TOKEN": " secret "}, None, "secret", id="environment"),
        pytest.param({"XOPROXY_ADMIN_TOKEN": "secret"}, "other", "secret", id="environment-before-file"),
        pytest.param({"XOPROXY_ADMIN_TOKEN": ""}, "filed\n", "filed", id="file"),
    ],
)
def test_token_comes_from_the_environment_or_the_file(
    tmp_path: Path, environ: dict[str, str], content: str | None, token: str | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)

    assert read_token(environ, str(file) if content is not None else None) == token


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot read admin.token_file"), (b"\xff", "cannot read"), (b"\n", "is empty")]
)
def test_token_file_that_holds_no_token_keeps_the_endpoint_shut(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ListenError, match=said):
        read_token({}, str(file))


async def test_history_is_sampled_as_long_as_the_process_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "INTERVAL_S", 0.001)
    counters = Counters()
    history = History(counters)
    counters.count(exchange_record("", 0.0, status=200))
    sampling = asyncio.ensure_future(
        Process._sample_history(SimpleNamespace(_history=history, _engine=SimpleNamespace(connections=3)))
    )
    await until(lambda: len(history.samples) >= 2)
    sampling.cancel()

    assert [(sample.requests, sample.connections) for sample in list(history.samples)[:2]] == [(1, 3), (0, 3)]


async def test_linting_that_fails_at_the_start_is_a_line_in_the_log_and_no_more() -> None:
    """As where a machine is out of descriptors by then: what lints is imported when it serves."""
    events: list[Event] = []

    def fail() -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    start = SimpleNamespace(findings=fail, announce=lambda _: pytest.fail("there is nothing to tell"))
    await Process._tell_findings(SimpleNamespace(_start=start, _journal=SimpleNamespace(event=events.append)))

    ((level, message),) = [(event.level, event.message) for event in events]
    assert level is LogLevel.WARNING
    assert message.endswith("was not looked for: OSError: [Errno 24] Too many open files")
