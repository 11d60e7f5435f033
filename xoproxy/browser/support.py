"""What each engine has of what the standards describe, in its releases of August 2026.

One table, so that a conclusion never asks for an engine by name.  Where an engine lacks a feature, it is as if the field or the
value were not there.  Sources: MDN's browser-compat-data of 2026-08-07; for Document-Isolation-Policy, which is not in it, the
announcement of Chrome 137 (2025-05-01).
"""

from enum import Enum
from types import MappingProxyType
from typing import Final

from xoproxy.browser.model import Engine
from xoproxy.slotted import dataclass

AS_OF: Final = "2026-08"


class Feature(Enum):
    """Something that not every engine has, or had from its first day."""

    COEP = "Cross-Origin-Embedder-Policy"
    COEP_CREDENTIALLESS = "Cross-Origin-Embedder-Policy: credentialless"
    COOP = "Cross-Origin-Opener-Policy"
    COOP_NOOPENER_ALLOW_POPUPS = "Cross-Origin-Opener-Policy: noopener-allow-popups"
    CORP = "Cross-Origin-Resource-Policy"
    DOCUMENT_ISOLATION = "Document-Isolation-Policy"
    CROSS_ORIGIN_ISOLATED_FEATURE = "Permissions-Policy: cross-origin-isolated"
    CREDENTIALLESS_IFRAME = "<iframe credentialless>"
    ORIGIN_AGENT_CLUSTER = "Origin-Agent-Cluster"
    REPORTING_ENDPOINTS = "Reporting-Endpoints"
    POLICY_REPORTS = "report-to of Cross-Origin-Embedder-Policy and Cross-Origin-Opener-Policy"
    INTEGRITY_POLICY = "Integrity-Policy"
    TIMING_ALLOW_ORIGIN = "Timing-Allow-Origin"
    FETCH_METADATA = "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest"
    LOCAL_NETWORK_ACCESS = "Local Network Access"
    AUTHORIZATION_BY_WILDCARD = "Access-Control-Allow-Headers: * stands for Authorization"
    STORAGE_ACCESS_HEADERS = "Activate-Storage-Access"
    NO_VARY_SEARCH = "No-Vary-Search"


@dataclass(frozen=True, slots=True)
class Since:
    """The first release that has a feature, as the engine numbers them, and what is missing there."""

    version: str
    note: str = ""


_FEATURES: Final[dict[Feature, dict[Engine, Since]]] = {
    Feature.COEP: {Engine.CHROME: Since("83"), Engine.FIREFOX: Since("79"), Engine.SAFARI: Since("15.2")},
    Feature.COEP_CREDENTIALLESS: {Engine.CHROME: Since("96"), Engine.FIREFOX: Since("119", "not on Android")},
    Feature.COOP: {Engine.CHROME: Since("83", "not in WebView"), Engine.FIREFOX: Since("79"), Engine.SAFARI: Since("15.2")},
    Feature.COOP_NOOPENER_ALLOW_POPUPS: {Engine.CHROME: Since("131"), Engine.SAFARI: Since("18.4")},
    Feature.CORP: {Engine.CHROME: Since("73"), Engine.FIREFOX: Since("74"), Engine.SAFARI: Since("12")},
    Feature.DOCUMENT_ISOLATION: {Engine.CHROME: Since("137", "on desktops")},
    Feature.CROSS_ORIGIN_ISOLATED_FEATURE: {Engine.CHROME: Since("88")},
    Feature.CREDENTIALLESS_IFRAME: {Engine.CHROME: Since("110")},
    Feature.ORIGIN_AGENT_CLUSTER: {Engine.CHROME: Since("90"), Engine.FIREFOX: Since("138")},
    Feature.REPORTING_ENDPOINTS: {
        Engine.CHROME: Since("96"),
        Engine.FIREFOX: Since("130"),
        Engine.SAFARI: Since("16.4", "no default endpoint"),
    },
    Feature.POLICY_REPORTS: {Engine.CHROME: Since("96")},
    Feature.INTEGRITY_POLICY: {
        Engine.CHROME: Since("138"),
        Engine.FIREFOX: Since("145", "without endpoints"),
        Engine.SAFARI: Since("26", "scripts only"),
    },
    Feature.TIMING_ALLOW_ORIGIN: {Engine.CHROME: Since("54"), Engine.FIREFOX: Since("45"), Engine.SAFARI: Since("11")},
    Feature.FETCH_METADATA: {Engine.CHROME: Since("80"), Engine.FIREFOX: Since("90"), Engine.SAFARI: Since("16.4")},
    Feature.LOCAL_NETWORK_ACCESS: {Engine.CHROME: Since("142")},
    # Fetch says otherwise; Firefox has that behind a preference.  Seen in Chromium 156.
    Feature.AUTHORIZATION_BY_WILDCARD: {Engine.CHROME: Since("63"), Engine.FIREFOX: Since("69"), Engine.SAFARI: Since("13")},
    Feature.STORAGE_ACCESS_HEADERS: {Engine.CHROME: Since("133"), Engine.FIREFOX: Since("147")},
    Feature.NO_VARY_SEARCH: {Engine.CHROME: Since("127", "prefetch and prerender; the HTTP cache since 141")},
}

# Seconds for which an engine keeps the answer to a preflight, whatever Access-Control-Max-Age says.
MAX_AGE_CAP_S: Final = MappingProxyType({Engine.CHROME: 7200, Engine.FIREFOX: 86400, Engine.SAFARI: 600})

# What each engine says it is, on a desktop.  Chrome and Firefox keep the minor numbers at zero, Safari the system's version.
USER_AGENT: Final = MappingProxyType(
    {
        Engine.CHROME: b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36",
        Engine.FIREFOX: b"Mozilla/5.0 (X11; Linux x86_64; rv:151.0) Gecko/20100101 Firefox/151.0",
        Engine.SAFARI: b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        b"Version/26.0 Safari/605.1.15",
    }
)


def since(feature: Feature, engine: Engine) -> Since | None:
    """Return since when `engine` has `feature`, None if it has not."""
    return _FEATURES[feature].get(engine)


def has(engine: Engine, feature: Feature) -> bool:
    """Whether the `engine` of `AS_OF` has `feature`."""
    return engine in _FEATURES[feature]
