"""What Chrome writes into its console for a verdict, so that whoever searches for the message finds the step.

Wordings of Chrome in 2026, as a test has real Chromium write them.  Other browsers say less, and of frames it says nothing.
"""

from typing import Final

from xoproxy.browser import author, corp_check, cors_check, mixed_content, preflight, sockets
from xoproxy.browser.model import CredentialsMode, Mode, Step, WireResponse
from xoproxy.browser.policies import combined
from xoproxy.browser.urls import is_potentially_trustworthy, parse
from xoproxy.insight.explaining.concluding import Concluded
from xoproxy.insight.explaining.question import Question
from xoproxy.semantics.lists import tokens

_OPAQUE: Final = "Failed to load resource: net::ERR_BLOCKED_BY_RESPONSE"
_VALID: Final = " Have the server send the header with a valid value."
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def console(question: Question, concluded: Concluded) -> str:
    """Return Chrome's message for a verdict that blocks; empty where there is none that we know."""
    step = concluded.verdict.decisive
    if step is None:
        return ""
    response = concluded.exchanges[-1][1].response if concluded.exchanges else None
    if response is not None:
        return _of_response(question, concluded, step, response)
    return _of_request(question, step)


def _of_response(question: Question, concluded: Concluded, step: Step, response: WireResponse) -> str:
    match step.anchor:
        case cors_check.ANCHOR | preflight.ANCHOR:
            return _cors(question, concluded, _why(question, step, response))
        case corp_check.ANCHOR:
            return f"{_OPAQUE}.{_corp(response)}"
        case sockets.ESTABLISH:
            said = f"Error during WebSocket handshake: Unexpected response code: {response.status}"
            return f"WebSocket connection to '{question.url}' failed: {said}"
        case _:
            return _of_request(question, step)


def _of_request(question: Question, step: Step) -> str:
    if step.anchor == mixed_content.BLOCK:
        return _mixed(question)
    if step.anchor == author.ANCHOR and "no script may use the method" in step.why:
        method = question.method.decode("latin-1")
        return f"Failed to execute 'fetch' on 'Window': '{method}' HTTP method is unsupported."
    return ""


def _cors(question: Question, concluded: Concluded, why: str) -> str:
    if not why:
        return ""
    request = concluded.exchanges[-1][0]
    first = concluded.exchanges[0][0].url
    origin = (question.origin or b"null").decode("ascii")
    through = "" if request.url == first else f" (redirected from '{first}')"
    lead = "Response to preflight request doesn't pass access control check: " if request.is_preflight else ""
    if why.startswith(("Method ", "Request header ")):
        lead = ""
    return f"Access to fetch at '{request.url}'{through} from origin '{origin}' has been blocked by CORS policy: {lead}{why}"


def _why(question: Question, step: Step, response: WireResponse) -> str:
    if step.anchor == cors_check.ANCHOR:
        return _cors_check(question, response)
    if response.status in _REDIRECTS:
        return "Redirect is not allowed for a preflight request."
    if not 200 <= response.status <= 299:
        return "It does not have HTTP ok status."
    if "the method" in step.why or "methods are case-sensitive" in step.why:
        return (
            f"Method {question.method.decode('latin-1')} is not allowed by Access-Control-Allow-Methods in preflight response."
        )
    named = {name.lower() for name, _ in question.fields}
    allowed = {name.lower() for name in tokens(combined(response.fields, preflight.ALLOW_HEADERS) or b"")}
    missing = sorted(name for name in named - allowed if name.decode("latin-1") in step.why)
    if missing:
        name = missing[0].decode("latin-1")
        return f"Request header field {name} is not allowed by Access-Control-Allow-Headers in preflight response."
    return ""


def _cors_check(question: Question, response: WireResponse) -> str:
    allowed = combined(response.fields, cors_check.ALLOW_ORIGIN)
    if allowed is None:
        return "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    shown = allowed.decode("latin-1")
    if allowed == b"*" and question.credentials is CredentialsMode.INCLUDE:
        return (
            "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the "
            "request's credentials mode is 'include'."
        )
    if b"," in allowed or b" " in allowed:
        return f"The 'Access-Control-Allow-Origin' header contains multiple values '{shown}', but only one is allowed.{_VALID}"
    parsed = parse(shown)
    if allowed not in (b"*", b"null") and (parsed is None or not parsed.host):
        return f"The 'Access-Control-Allow-Origin' header contains the invalid value '{shown}'.{_VALID}"
    if allowed != question.origin:
        return (
            f"The 'Access-Control-Allow-Origin' header has a value '{shown}' that is not equal to the supplied origin.{_VALID}"
        )
    answer = (combined(response.fields, cors_check.ALLOW_CREDENTIALS) or b"").decode("latin-1")
    return (
        f"The value of the 'Access-Control-Allow-Credentials' header in the response is '{answer}' which must be 'true' when "
        "the request's credentials mode is 'include'."
    )


def _corp(response: WireResponse) -> str:
    value = combined(response.fields, b"Cross-Origin-Resource-Policy")
    if value == b"same-site":
        return "NotSameSite"
    return "NotSameOrigin" if value == b"same-origin" else "NotSameOriginAfterDefaultedToSameOriginByCoep"


def _mixed(question: Question) -> str:
    page, target = parse(question.page or ""), parse(question.url)
    if page is None or target is None or is_potentially_trustworthy(target):
        return ""
    what = (
        "attempted to connect to the insecure WebSocket endpoint"
        if question.mode is Mode.WEBSOCKET
        else "requested an insecure resource"
    )
    return (
        f"Mixed Content: The page at '{page}' was loaded over HTTPS, but {what} '{target}'. "
        "This request has been blocked; the content must be served over HTTPS."
    )
