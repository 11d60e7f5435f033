"""The benchmark compares like with like: every proxy answers with the same fields, and it refuses one that does not."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.benchmarking import FOUND, needs_nginx, staged

from benchmarks import __main__ as benchmark
from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.accounting import tree
from benchmarks.agreement import PROBES, forwarded_fields, require_agreement, vary_members
from benchmarks.errors import BenchmarkError, MissingError
from benchmarks.load import Load, Round
from benchmarks.parts import Outcome, Plan
from benchmarks.policy import OWNED_FIELDS, POLICY, Policy
from benchmarks.processes import Server
from benchmarks.proxies import PROXIES, Nginx, Place, Proxy
from benchmarks.running import Running, Stage, running
from benchmarks.wire import ask
from benchmarks.workloads import WORKLOADS, Request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run the backend for all tests."""
    with staged(tmp_path_factory.mktemp("benchmark")) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxies(stage: Stage) -> Iterator[list[Running]]:
    """Run every proxy that the benchmark knows and finds."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(proxy, stage)) for proxy in FOUND]


@needs_nginx
def test_every_proxy_carries_out_the_policy(proxies: list[Running]) -> None:
    """Each answers every probe with exactly the fields of the policy, and sends the backend what a gateway sends."""
    for one in proxies:
        require_agreement(one)


@needs_nginx
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_all_proxies_answer_alike(proxies: list[Running], probe: Request) -> None:
    """Compared with each other, not with the expectations that both configurations are written for."""
    seen = []
    for one in proxies:
        answer = ask(one.port, probe.target, probe.method, probe.fields, probe.content_bytes)
        seen.append((answer.status, [answer.values(name) for name in OWNED_FIELDS], vary_members(answer)))

    assert all(one == seen[0] for one in seen)


@needs_nginx
def test_all_proxies_send_the_same_request_fields(proxies: list[Running]) -> None:
    """But for their own names and ports."""
    seen = [forwarded_fields(one.port) for one in proxies]

    assert len({tuple(fields) for fields in seen}) == 1
    assert {fields["X-Forwarded-For"] for fields in seen} == {"127.0.0.1"}


@needs_nginx
def test_every_proxy_logs_each_exchange_to_a_file(proxies: list[Running]) -> None:
    """Soon its access log has the target of what was asked; HAProxy writes JSON's slashes with a backslash."""
    for one in proxies:
        log = one.proxy.access_log(one.place)
        ask(one.port, "/small?looked-for")

        assert _holds(lambda log=log: "small?looked-for" in log.read_text(encoding="utf-8")), one.proxy.name  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Lax(Nginx):
    """An nginx that was given another policy than the one that is asked for."""

    carries_out: Policy = POLICY
    without: str = ""

    def config(self, place: Place, policy: Policy) -> str:
        """Return a configuration for the other policy, a directive left out."""
        lines = Nginx.config(self, place, self.carries_out).splitlines(keepends=True)
        return "".join(line for line in lines if not self.without or self.without not in line)


@needs_nginx
@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        pytest.param(Lax("lax", carries_out=replace(POLICY, origin="https://other.example")), "Access-Control", id="origin"),
        pytest.param(Lax("lax", carries_out=replace(POLICY, embedder="credentialless")), "Embedder", id="value"),
        pytest.param(Lax("lax", carries_out=replace(POLICY, max_age_s=5)), "Max-Age", id="preflight"),
        pytest.param(Lax("lax", without="add_header Cross-Origin-Opener-Policy"), "Opener", id="field-missing"),
        pytest.param(Lax("lax", without="proxy_hide_header Access-Control-Allow-Origin"), "own-fields", id="field-doubled"),
        pytest.param(Lax("lax", without="proxy_hide_header Vary"), "Vary", id="vary-doubled"),
        pytest.param(Lax("lax", without="X-Forwarded-For"), "X-Forwarded-For", id="forwarded"),
        pytest.param(Lax("lax", without="Via"), "Via", id="via"),
    ],
)
def test_a_proxy_that_does_less_is_refused(stage: Stage, proxy: Proxy, says: str) -> None:
    """Nothing is measured that does not do the same work; the message says what is missing."""
    with running(proxy, stage) as one, pytest.raises(BenchmarkError, match=says):
        require_agreement(one)


@pytest.mark.parametrize("missing", ["nginx", "wrk"])
def test_missing_tool_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    """Exit code 2, and what to install."""

    def which(tool: str, path: str) -> str | None:
        return None if tool == missing else f"/nowhere/{tool}"

    monkeypatch.setattr("shutil.which", which)

    code = main(["--part", "cpu"])

    assert code == 2
    assert f"{missing} is not installed; it is in Debian's package {missing}" in capsys.readouterr().err


def test_part_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its message is told, the others have figures, and the exit code is what failed: 1, or 2 if something is missing."""

    def fails(plan: Plan, stage: Stage) -> Outcome:
        raise BenchmarkError("it fell over")

    def misses(plan: Plan, stage: Stage) -> Outcome:
        raise MissingError("nothing there")

    wanted = {"one": fails, "two": lambda plan, stage: Outcome("a table", [1]), "three": misses}
    monkeypatch.setattr(benchmark, "PARTS", wanted)
    plan = Plan(("one", "two"), (), "nginx", (), Load(1, 1, 1), 1.0, lambda _: None)
    stage = Stage(tmp_path, 1, frozenset({0}))
    values, failures = benchmark._measure_parts(plan, stage)

    assert values == {"two": [1]}
    assert [str(failure) for failure in failures] == ["it fell over"]
    monkeypatch.setattr(benchmark, "_plan", lambda args: plan)
    for parts, code in ((("two",), 0), (("one", "two"), 1), (("one", "three"), 2)):
        found = benchmark._measure_parts(replace(plan, parts=parts), stage)[1]
        monkeypatch.setattr(benchmark, "_measure", lambda *_, found=found: found)
        assert main([]) == code


def test_processor_time_of_descendants_counts(tmp_path: Path) -> None:
    """A server's workers are its children: what they use is what it costs, and they end with it."""
    script = (
        "import os, time\nos.fork()\nwhile time.process_time() < 0.1: pass\nopen(f'{os.getpid()}.done', 'x')\ntime.sleep(60)"
    )
    command = ["sh", "-c", 'cd "$1" && "$2" -c "$3"; true', "sh", str(tmp_path), sys.executable, script]
    with Server(command, tmp_path / "output.log", frozenset(os.sched_getaffinity(0)), os.environ) as server:
        assert _holds(lambda: len(list(tmp_path.glob("*.done"))) == 2)
        used, pids = server.cpu_time(), tree(server.pid)

    assert len(pids) == 3
    assert used.total_s > 0.15
    assert _holds(lambda: not any(map(_is_running, pids)))


def _holds(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true: the kernel ends killed processes when it gets to it."""
    deadline = time.monotonic() + 10
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return held


def _is_running(pid: int) -> bool:
    """Whether a process is more than an entry that its new parent has not taken notice of."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def test_ratios_are_of_rounds_measured_side_by_side() -> None:
    """Each round is divided by the baseline's of the same time, so that a machine that slows down changes nothing."""
    rounds = [_round("nginx", 1.0), _round("xoproxy", 2.0), _round("xoproxy", 6.0), _round("nginx", 3.0)]

    assert report.ratios(rounds, "small", "xoproxy", "nginx") == [2.0, 2.0]
    assert "2.00 (2.00-2.00)" in report.rounds_table(rounds, "nginx")


def _round(proxy: str, system_s: float) -> Round:
    return Round(proxy, "small", 1000, 1.0, 0.0, system_s, 1.0, 2.0)


def test_names_are_unique() -> None:
    """They are options of the command line and keys of the results."""
    for names in ([proxy.name for proxy in PROXIES], [workload.name for workload in WORKLOADS]):
        assert not [one for one, other in itertools.pairwise(sorted(names)) if one == other]


def test_browser_like_request_has_twenty_fields() -> None:
    """Host included, which the client adds."""
    fields: Mapping[str, str] = next(workload.fields for workload in WORKLOADS if workload.name == "browser")

    assert len(fields) + 1 == 20
