"""Permissions-Policy and its Report-Only twin: which features a page and its frames may use.  (Permissions Policy §5, §9)

A dictionary structured field; browsers that do not know a feature pass over it.  `report-to` stands at each feature and is a
Token: the specification said String until 2026, which no browser ever took.
"""

from collections.abc import Iterator
from typing import Final, Literal

from xoproxy.policy.fields import Kind, PolicyField
from xoproxy.policy.model import ANY, Anything, PermissionsPolicy, Policy
from xoproxy.semantics.structured import (
    BareItem,
    InnerList,
    Item,
    Member,
    Parameters,
    Token,
    parse_dictionary,
    serialize_dictionary,
)

NAME: Final = b"Permissions-Policy"

SELF: Final = b"self"
_SELF: Final = Token("self")
_ANY: Final = Token("*")

# What browsers know or are about to: the specification's list of features (June 2026), and what Chromium 156 has besides.
FEATURES: Final = frozenset(
    """
    accelerometer all-screens-capture ambient-light-sensor aria-notify attribution-reporting autofill autoplay battery
    bluetooth browsing-topics camera captured-surface-control ch-device-memory ch-downlink ch-dpr ch-ect
    ch-prefers-color-scheme ch-prefers-reduced-motion ch-prefers-reduced-transparency ch-rtt ch-save-data ch-ua
    ch-ua-arch ch-ua-bitness ch-ua-form-factors ch-ua-full-version ch-ua-full-version-list ch-ua-high-entropy-values
    ch-ua-mobile ch-ua-model ch-ua-platform ch-ua-platform-version ch-ua-wow64 ch-viewport-height ch-viewport-width
    ch-width clipboard-read clipboard-write compute-pressure conversion-measurement cross-origin-isolated deferred-fetch
    deferred-fetch-minimal digital-credentials-create digital-credentials-get direct-sockets direct-sockets-private
    display-capture document-domain encrypted-media execution-while-not-rendered execution-while-out-of-viewport
    focus-without-user-activation fullscreen gamepad geolocation gyroscope hid identity-credentials-get idle-detection
    interest-cohort join-ad-interest-group keyboard-map language-detector language-model local-fonts local-network
    local-network-access loopback-network magnetometer manual-text media-playback-while-not-visible mediasession
    microphone midi monetization navigation-override on-device-speech-recognition otp-credentials payment
    picture-in-picture private-state-token-issuance private-state-token-redemption publickey-credentials-create
    publickey-credentials-get rewriter run-ad-auction screen-wake-lock serial shared-storage shared-storage-select-url
    smart-card speaker-selection storage-access summarizer sync-script sync-xhr tools translator trust-token-redemption
    unload usb vertical-scroll web-app-installation web-share window-management window-placement writer
    xr-spatial-tracking
    """.split()  # noqa: SIM905  a list of ninety literals is harder to read
)


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value: it names features, and each with an allowlist."""
    members = parse_dictionary(value)
    return members is not None and len(members) > 0 and all(map(_is_allowlist, members.values()))


_KIND: Final = Kind(NAME, is_valid)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""

    def write(permissions: PermissionsPolicy) -> bytes:
        return field_value(permissions, permissions.report_to or policy.report_to)

    return _KIND.decided(policy.permissions_policy, policy.observe_permissions_policy, write)


def field_value(permissions: PermissionsPolicy, endpoint: str | None) -> bytes:
    """Return the field value; every feature reports to `endpoint`, if there is one."""
    params: dict[str, BareItem] = {"report-to": Token(endpoint)} if endpoint else {}
    return serialize_dictionary((feature, _member(allowlist, params)) for feature, allowlist in permissions.features)


def _member(allowlist: tuple[bytes, ...] | Literal[Anything.ANY], params: Parameters) -> Member:
    if allowlist is ANY:
        return Item(_ANY, params)
    return InnerList(tuple(Item(_SELF if member == SELF else member.decode("ascii")) for member in allowlist), params)


def _is_allowlist(member: Member) -> bool:
    items = member.items if isinstance(member, InnerList) else (member,)
    return all(isinstance(item.value, str) or item.value in (_SELF, _ANY) for item in items)
