"""Check that a proxy carries out the policy, exactly, before anything is measured.

A proxy that leaves out a field, or a request that fails, is fast.  What is found is a list of sentences; empty is good.
"""

from collections.abc import Iterator
from typing import Final

from benchmarks.backend import ECHOED
from benchmarks.errors import BenchmarkError
from benchmarks.policy import OWNED_FIELDS, POLICY, PREFLIGHT_VARY
from benchmarks.running import Running
from benchmarks.wire import LOOPBACK, Answer, ask
from benchmarks.workloads import WORKLOADS, Kind, Request

REFUSED_ORIGIN: Final = "https://app.example.com.attacker.example"


_REFUSED: Final = {"Origin": REFUSED_ORIGIN}
_GRANTED: Final = {"Origin": POLICY.origin}
_PREFLIGHT: Final = {"Access-Control-Request-Method": "PUT"}

PROBES: Final = (
    *(workload for workload in WORKLOADS if workload.kind is Kind.PLAIN),
    Request("no-origin", "no Origin"),
    Request("refused", "an origin that the policy does not name", _REFUSED),
    Request("null", "the origin null", {"Origin": "null"}),
    Request("own-fields", "the backend sends such fields itself", _GRANTED, target="/own-fields", policy_fields=POLICY.granted),
    Request("own-fields-refused", "the same to a refused origin", _REFUSED, target="/own-fields"),
    Request("error", "the backend answers 404", _GRANTED, "GET", "/no", 0, 404, None, POLICY.granted),
    Request(
        "preflight-refused", "of a refused origin", _REFUSED | _PREFLIGHT, "OPTIONS", "/", 0, 403, None, vary=PREFLIGHT_VARY
    ),
    Request("options", "no preflight: the backend's to answer", _GRANTED, "OPTIONS", policy_fields=POLICY.granted),
)


def require_agreement(running: Running) -> None:
    """Check everything.

    Raises:
        BenchmarkError: an answer is not as the policy says.
    """
    faults = [*_faults(running.port), *_forwarding_faults(running.port)]
    if faults:
        raise BenchmarkError("\n  ".join((f"{running.proxy.name} does not carry out the policy:", *faults)))


def _faults(port: int) -> Iterator[str]:
    for probe in PROBES:
        answer = ask(port, probe.target, probe.method, probe.fields, probe.content_bytes)
        yield from (f"{probe.name}: {fault}" for fault in _answer_faults(probe, answer))


def _answer_faults(probe: Request, answer: Answer) -> Iterator[str]:
    if answer.status != probe.status:
        yield f"status {answer.status} instead of {probe.status}"
    if probe.response_bytes is not None and len(answer.content) != probe.response_bytes:
        yield f"{len(answer.content)} bytes instead of {probe.response_bytes}"
    expected = POLICY.always | probe.policy_fields
    for name in OWNED_FIELDS:
        wanted = [expected[name]] if name in expected else []
        if answer.values(name) != wanted:
            yield f"{name}: {answer.values(name)} instead of {wanted}"
    if vary_members(answer) != sorted(name.lower() for name in probe.vary):
        yield f"Vary: {answer.values('Vary')} instead of {', '.join(probe.vary)}"


def vary_members(answer: Answer) -> list[str]:
    """Return the members of Vary, in lower case and sorted: neither their order nor their case means anything."""
    members = (member.strip().lower() for value in answer.values("Vary") for member in value.split(","))
    return sorted(member for member in members if member)


def forwarded_fields(port: int) -> dict[str, str]:
    """Return what the backend receives of a request from an untrusted client that claims to be somebody else."""
    claims = {"Origin": POLICY.origin, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "claimed.example"}
    lines = ask(port, "/echo", fields=claims | {"X-Forwarded-Proto": "https"}).content.decode("latin-1").splitlines()
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}


def _forwarding_faults(port: int) -> Iterator[str]:
    authority = f"{LOOPBACK}:{port}"
    wanted = {
        "Host": authority,
        "X-Forwarded-For": LOOPBACK,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": authority,
        "Origin": POLICY.origin,
    }
    received = forwarded_fields(port)
    for name in ECHOED:
        value = received.get(name, "")
        if name == "Via" and not value.startswith("1.1 "):
            yield f"the backend receives Via: {value!r} instead of 1.1 and a name"
        elif name == "Connection" and value.lower() not in {"", "keep-alive"}:  # which is what HTTP/1.1 does anyway
            yield f"the backend receives Connection: {value!r}"
        elif name in wanted and value != wanted[name]:
            yield f"the backend receives {name}: {value!r} instead of {wanted[name]!r}"
