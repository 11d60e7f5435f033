"""Who answers a browser's requests: the proxy by a policy file with a backend beneath, or a server that is asked as it is.

Rule: what stands beneath is asked at most once for one request, however many policies are tried on its answer.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from xoproxy.browser.model import WireRequest, WireResponse
from xoproxy.browser.urls import parse
from xoproxy.config import Generation
from xoproxy.insight.proxied import Answered, Proxied
from xoproxy.policy.matching import host_name
from xoproxy.policy.routes import Route

# A backend: gets the request, and the route it belongs to; None: no route, this is another server.
Backend = Callable[[WireRequest, Route | None], WireResponse]

NOT_PROXIED: Final = "none"
_PROBLEM: Final = ((b"Content-Type", b"application/problem+json"),)


class UnansweredError(Exception):
    """A server that was asked did not answer.  Its text says why; `status` is what a gateway makes of it."""

    def __init__(self, why: str, status: int = 502) -> None:
        super().__init__(why)
        self.status = status


class Answerer(Protocol):
    """Answers what browsers send."""

    def __call__(self, request: WireRequest) -> Answered:
        """Return the answer.  Raises: `UnreadableUrlError`."""
        ...


class Remembering:
    """A backend that is asked once for each request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answers: dict[tuple[WireRequest, str | None], WireResponse | UnansweredError] = {}

    def __call__(self, request: WireRequest, route: Route | None) -> WireResponse:
        """Return what the backend answered, or answers now.  Raises: `UnansweredError`, again and again."""
        key = request, None if route is None else route.upstream
        if key not in self._answers:
            try:
                self._answers[key] = self._backend(request, route)
            except UnansweredError as fault:
                self._answers[key] = fault
        answer = self._answers[key]
        if isinstance(answer, UnansweredError):
            raise answer
        return answer


class ByFile:
    """The proxy by its policy file, for the hosts that are its own; any other host is asked as it is."""

    def __init__(
        self, generation: Generation, backend: Backend, own_urls: tuple[str, ...] = (), hosts: tuple[str, ...] = ()
    ) -> None:
        """`own_urls`: URLs whose hosts are the proxy's, whatever the routes say; and so are `hosts`, as routes write them."""
        self.generation = generation
        self._proxied = Proxied(generation)
        self._backend = backend
        self._own = frozenset(filter(None, map(_authority, own_urls)))
        named = (route.match.host for route in generation.routes.routes)
        self._hosts = frozenset((*hosts, *filter(None, named)))

    def __call__(self, request: WireRequest) -> Answered:
        """Return the proxy's answer, the backend's beneath it where it is asked."""
        if not self.serves(request.url):
            response = self._backend(request, None)
            return Answered(response, None, NOT_PROXIED, backend=response)
        answered = self._proxied.answer(request)
        if answered.backend is None:
            return answered
        try:
            return self._proxied.answer(request, self._backend(request, answered.route))
        except UnansweredError as fault:
            refused = self._proxied.answer(request, WireResponse(fault.status, _PROBLEM))
            return replace(refused, backend=None, refusal=str(fault))

    def serves(self, url: str) -> bool:
        """Whether a URL is the proxy's: its host is one that was said to be, or that a route names."""
        authority = _authority(url)
        if authority is None:
            return False
        return authority in self._own or any(covers(host, authority) for host in self._hosts)


class AsItIs:
    """Servers that are asked without a proxy."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __call__(self, request: WireRequest) -> Answered:
        """Return what the server answers."""
        response = self._backend(request, None)
        return Answered(response, None, NOT_PROXIED, backend=response)


def _authority(url: str) -> str | None:
    parsed = parse(url)
    return None if parsed is None else parsed.authority


def covers(pattern: str, authority: str) -> bool:
    """Whether a host as routes write it, exact or ``*.example.com``, is that of an authority."""
    host = host_name(authority.encode("ascii")).decode("ascii")
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))
