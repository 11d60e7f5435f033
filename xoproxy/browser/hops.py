"""A request on its way: at one URL of its chain of redirects, with the bookkeeping of Fetch.  (Fetch §2.2.5, "Requests")"""

from typing import Final

from xoproxy.browser.model import NULL_ORIGIN, CredentialsMode, Engine, Fields, Mode, Tainting
from xoproxy.browser.sites import same_origin, same_site
from xoproxy.browser.urls import Url
from xoproxy.policy.model import EmbedderPolicy
from xoproxy.slotted import dataclass

NAVIGATIONS: Final = frozenset({"document", "embed", "frame", "iframe", "object"})


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: a page in an engine, as far as a request depends on it.

    `origin` may be opaque (``null``).  `embedders`: its embedder policy, and the one that a document isolation policy stands
    for where responses are concerned; all hold.  `restricts_mixed_content`: it or a page around it came by https.
    """

    origin: bytes
    embedders: tuple[EmbedderPolicy, ...] = ()
    restricts_mixed_content: bool = False
    engine: Engine = Engine.CHROME


@dataclass(frozen=True, slots=True)
class Hop:
    """A request and its "current URL", the last of `urls`.  `client` None: the user typed the address."""

    method: bytes
    urls: tuple[Url, ...]
    client: Client | None
    mode: Mode
    credentials: CredentialsMode
    destination: str
    fields: Fields = ()
    tainting: Tainting = Tainting.BASIC
    referrer_policy: str = "strict-origin-when-cross-origin"

    @property
    def url(self) -> Url:
        """The current URL."""
        return self.urls[-1]

    @property
    def is_navigation(self) -> bool:
        """Whether this is a "navigation request"."""
        return self.mode is Mode.NAVIGATE

    @property
    def origin(self) -> bytes:
        """The request's origin; an opaque one where nobody asks but the user."""
        return NULL_ORIGIN if self.client is None else self.client.origin

    @property
    def is_read(self) -> bool:
        """Whether the response is for the page that asks, and not a page or a connection of its own."""
        return self.mode not in (Mode.NAVIGATE, Mode.WEBSOCKET)

    @property
    def is_same_origin(self) -> bool:
        """Whether the current URL is of the request's own origin."""
        return same_origin(self.origin, self.url.origin)

    @property
    def redirect_taint(self) -> str:
        """``same-origin``, ``same-site`` or ``cross-site``: the worst of its redirects.  (Fetch, "redirect-taint")"""
        taint = "same-origin"
        for last, url in zip(self.urls, self.urls[1:], strict=False):
            if not same_site(url.origin, last.origin) and not same_site(self.origin, last.origin):
                return "cross-site"
            if not same_origin(url.origin, last.origin) and not same_origin(self.origin, last.origin):
                taint = "same-site"
        return taint

    @property
    def serialized_origin(self) -> bytes:
        """The result of "byte-serializing a request origin": ``null`` after a redirect from a foreign origin to another."""
        return self.origin if self.redirect_taint == "same-origin" else NULL_ORIGIN

    @property
    def includes_credentials(self) -> bool:
        """Whether cookies and client certificates go with it.  (Fetch §4.6, "HTTP-network-or-cache fetch")"""
        if self.credentials is CredentialsMode.OMIT:
            return False
        if self.credentials is CredentialsMode.SAME_ORIGIN and self.tainting is not Tainting.BASIC:
            return False
        return self._embedder_allows_credentials

    @property
    def _embedder_allows_credentials(self) -> bool:
        """Conclude "Cross-Origin-Embedder-Policy allows credentials".

        The last step reads "is not same-origin" in Fetch of 2026-07-02, by which same-origin images would go without cookies;
        meant, and done by Chromium, is "is".
        """
        if self.mode is not Mode.NO_CORS or self.client is None or EmbedderPolicy.CREDENTIALLESS not in self.client.embedders:
            return True
        return self.is_same_origin and self.redirect_taint == "same-origin"
