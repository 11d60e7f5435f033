"""May script of this origin read this response?  (Fetch §4.10, "CORS check")

Compared are bytes: no trailing slash, no default port, no other case, and never a list.
"""

from typing import Final

from xoproxy.browser.model import CredentialsMode, Fields, Step
from xoproxy.browser.policies import combined, lines_of

ANCHOR: Final = "https://fetch.spec.whatwg.org/#cors-check"
ALLOW_ORIGIN: Final = b"Access-Control-Allow-Origin"
ALLOW_CREDENTIALS: Final = b"Access-Control-Allow-Credentials"


def cors_check(origin: bytes, credentials: CredentialsMode, fields: Fields, *, of: str = "CORS check") -> Step:
    """Conclude whether a response with `fields` may be shared with `origin`, the serialized origin of the request.

    `credentials` is the mode of the actual request, also for the answer to its preflight.  `of` names the step.
    """
    allowed = combined(fields, ALLOW_ORIGIN)
    with_credentials = credentials is CredentialsMode.INCLUDE
    if allowed is None:
        return _fails(of, f"Access-Control-Allow-Origin is missing; it would have to be {_text(origin)}")
    if allowed == b"*" and not with_credentials:
        return Step(of, ANCHOR, holds=True, why="Access-Control-Allow-Origin is *, and the request has no credentials")
    if allowed != origin:
        return _fails(of, _why_not(allowed, len(lines_of(fields, ALLOW_ORIGIN)), origin))
    if not with_credentials:
        return Step(of, ANCHOR, holds=True, why=f"Access-Control-Allow-Origin is the request's origin, {_text(origin)}")
    answer = combined(fields, ALLOW_CREDENTIALS)
    if answer != b"true":
        return _fails(of, _why_no_credentials(answer, len(lines_of(fields, ALLOW_CREDENTIALS))))
    why = f"Access-Control-Allow-Origin is {_text(origin)} and Access-Control-Allow-Credentials is true"
    return Step(of, ANCHOR, holds=True, why=why)


def _fails(name: str, why: str) -> Step:
    return Step(name, ANCHOR, holds=False, why=why)


def _why_not(allowed: bytes, lines: int, origin: bytes) -> str:
    shown, wanted = _text(allowed), _text(origin)
    if allowed == b"*":
        return f"Access-Control-Allow-Origin is *, which never covers credentials; it would have to be {wanted}"
    if lines > 1:
        return f'Access-Control-Allow-Origin is there {lines} times, which browsers join to "{shown}"; send one line, {wanted}'
    if b"," in allowed or b" " in allowed:
        return f'Access-Control-Allow-Origin "{shown}" is a list, which never matches; send the one origin that asks, {wanted}'
    if allowed.rstrip(b"/").lower() == origin:
        return f'Access-Control-Allow-Origin "{shown}" is not written as browsers compare it; write {wanted}'
    return f'Access-Control-Allow-Origin "{shown}" is not the request\'s origin, {wanted}'


def _why_no_credentials(answer: bytes | None, lines: int) -> str:
    if answer is None:
        return "the request has credentials, and Access-Control-Allow-Credentials is missing; it would have to be true"
    if lines > 1:
        return f"Access-Control-Allow-Credentials is there {lines} times; send one line, true"
    return f'Access-Control-Allow-Credentials is "{_text(answer)}"; only true counts, in lower case'


def _text(value: bytes) -> str:
    return value.decode("latin-1")
