"""Cross-Origin-Embedder-Policy and its Report-Only twin.  (HTML §7.1.4)

A structured-field item of type token: set once, never appended, for two lines void it.  ``auto`` is ours: ``credentialless``
to browsers that have it, ``require-corp`` to the others, so that Safari isolates too.  It reads User-Agent, because no other
request field tells; the answer then varies by it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xoproxy.policy.fields import Kind, PolicyField, is_token_of, token_item
from xoproxy.policy.model import Embedder, EmbedderPolicy, Policy

NAME: Final = b"Cross-Origin-Embedder-Policy"
_VALUES: Final = frozenset(value.value for value in EmbedderPolicy if value is not EmbedderPolicy.AUTO)

_CHROMIUM: Final = re.compile(rb" (?:Chrome|HeadlessChrome)/([0-9]{1,4})")
_FIREFOX: Final = re.compile(rb" Firefox/([0-9]{1,4})")


def has_credentialless(user_agent: bytes) -> bool:
    """Whether a browser implements ``credentialless``: Chromium from 96 on, Firefox from 119 on but not on Android.

    Browsers on iOS are Safari under any name, and they say so: their tokens are CriOS and FxiOS.
    """
    chromium = _CHROMIUM.search(user_agent)
    if chromium is not None:
        return int(chromium[1]) >= 96
    firefox = _FIREFOX.search(user_agent)
    return firefox is not None and int(firefox[1]) >= 119 and b"Android" not in user_agent


def for_browser(policy: Policy, *, credentialless: bool) -> Policy:
    """Return the policy as it is for browsers that have ``credentialless``, or for the others: without ``auto``."""
    value = EmbedderPolicy.CREDENTIALLESS if credentialless else EmbedderPolicy.REQUIRE_CORP
    changed = policy
    if isinstance(policy.coep, Embedder) and policy.coep.value is EmbedderPolicy.AUTO:
        changed = replace(changed, coep=replace(policy.coep, value=value))
    if policy.observe_coep is not None and policy.observe_coep.value is EmbedderPolicy.AUTO:
        changed = replace(changed, observe_coep=replace(policy.observe_coep, value=value))
    return changed


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value."""
    return is_token_of(value, _VALUES)


_KIND: Final = Kind(NAME, is_valid)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides; it must be one `for_browser`."""

    def write(embedder: Embedder) -> bytes:
        assert embedder.value is not EmbedderPolicy.AUTO
        return token_item(embedder.value, embedder.report_to or policy.report_to)

    return _KIND.decided(policy.coep, policy.observe_coep, write)
