"""Why a case is as it is: what went over the wire, and the steps that a browser took."""

from collections.abc import Iterator

from xoproxy.browser.model import WireRequest, WireResponse
from xoproxy.insight.testing.running import Result


def explained(result: Result) -> str:
    """Return the account of a case, one line each."""
    verdict = result.seen.verdict
    lines = [line for exchange in verdict.exchanges for line in _exchange(*exchange)]
    lines += [f"{'ok' if step.holds else 'NO'}  {step.name}: {step.why} ({step.anchor})" for step in verdict.steps]
    return "\n".join([*lines, *verdict.notes])


def _exchange(request: WireRequest, response: WireResponse) -> Iterator[str]:
    yield f"{request.method.decode('latin-1')} {request.url}{'  (preflight)' if request.is_preflight else ''}"
    yield from (f"  > {name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in request.fields)
    yield f"  < {response.status}"
    yield from (f"  < {name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in response.fields)
