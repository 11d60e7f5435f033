"""Why a case is as it is: what `explain` says of it, or, where other servers had a part, what happened step by step."""

from collections.abc import Iterator

from xoproxy.browser.model import CredentialsMode, Mode, WireRequest, WireResponse
from xoproxy.config import Loaded
from xoproxy.insight.explaining import Question, explain
from xoproxy.insight.explaining.explain import assumed
from xoproxy.insight.explaining.telling import told
from xoproxy.insight.testing.cases import Case, Connected, Fetched, Opened, PoppedUp
from xoproxy.insight.testing.running import Result


def explained(loaded: Loaded, result: Result) -> str:
    """Return the account of a case, in lines."""
    if result.met_others:  # the policy decides nothing of theirs, and the case knows what they answer
        return "\n".join(_steps(result))
    asked = question(result.case)
    return told(explain(loaded, asked, assumed(asked)))


def question(case: Case) -> Question:
    """Return what is asked in a case."""
    asker, deed = case.asker, case.deed
    if isinstance(deed, Opened):
        navigate = Mode.NAVIGATE, CredentialsMode.INCLUDE
        return Question(b"GET", asker.url, None, None, *navigate, "document", engines=(case.engine,), backend=case.upstream)
    match deed:
        case PoppedUp():
            mode, credentials, destination = Mode.NAVIGATE, CredentialsMode.INCLUDE, "document"
        case Connected():
            mode, credentials, destination = Mode.WEBSOCKET, CredentialsMode.INCLUDE, ""
        case Fetched():
            mode, credentials, destination = deed.mode, deed.credentials, deed.destination
    return Question(
        deed.method if isinstance(deed, Fetched) else b"GET",
        deed.url,
        asker.url,
        asker.origin,
        mode,
        credentials,
        destination,
        deed.fields if isinstance(deed, Fetched) else (),
        asker.fields,
        engines=(case.engine,),
        backend=case.upstream,
    )


def _steps(result: Result) -> Iterator[str]:
    verdict = result.seen.verdict
    for exchange in verdict.exchanges:
        yield from _exchange(*exchange)
    for step in verdict.steps:
        yield f"{'holds' if step.holds else 'FAILS'}  {step.name}: {step.why}, {step.anchor}"
    yield from verdict.notes


def _exchange(request: WireRequest, response: WireResponse) -> Iterator[str]:
    yield f"{request.method.decode('latin-1')} {request.url}{', the preflight' if request.is_preflight else ''}"
    yield from (f"    {name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in request.fields)
    yield str(response.status)
    yield from (f"    {name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in response.fields)
