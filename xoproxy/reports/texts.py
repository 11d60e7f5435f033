"""Make what a stranger sent fit to be kept: printable, bounded, and without what may be secret.

Rule 1: a text that went through here holds no control, format or private character and no lone surrogate: it can neither break
a line nor turn the direction of writing.  It may still be markup: whoever shows it escapes it.
Rule 2: of a URL there remain scheme, host, port and path (and the query, where the file keeps queries).  Of a URL of another
scheme only that remains: `data:` and `blob:` hold content, `file:` and those of extensions say who somebody is.  (CSP Level 3,
"strip URL for use in reports")
Rule 3: all of this takes time linear in the text, whatever it is.
"""

import re
from typing import Final

MAX_URL_CHARS: Final = 1000  # browsers' own limits are tens of thousands; proxies and logs cut at 2048 and less
MAX_WORD_CHARS: Final = 64  # "script-src-elem", "access-from-coop-page-to-opener", a feature, an id of a deprecation
MAX_TEXT_CHARS: Final = 256

_WITH_HOSTS: Final = frozenset({"http", "https", "ws", "wss"})
_scheme: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):").match
_urls_within: Final = re.compile(r"(?:https?|wss?):[/\\]\S*", re.IGNORECASE)
_CUT: Final = "..."


def printable(text: str) -> str:
    """Return `text` with a replacement character for each character that is not to be shown."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def bounded(text: str, cap: int) -> str:
    """Return `text` of at most `cap` characters, the last of which are three dots where something is missing."""
    return text if len(text) <= cap else text[: cap - len(_CUT)] + _CUT


def plain_word(text: str) -> str:
    """Return what should be one of few words as it may be kept."""
    return bounded(printable(text[: MAX_WORD_CHARS + 1].strip()), MAX_WORD_CHARS)


def plain_text(text: str, *, keep_queries: bool, cap: int = MAX_TEXT_CHARS) -> str:
    """Return prose as it may be kept: URLs within it are stripped too."""
    stripped = _urls_within.sub(lambda match: _stripped(match[0], keep_queries=keep_queries), text)
    return bounded(printable(stripped[: cap + 1]), cap)


def plain_url(text: str, *, keep_queries: bool) -> str:
    """Return a URL, or a keyword that stands in its place as ``inline``, as it may be kept."""
    return bounded(printable(_stripped(text.strip(), keep_queries=keep_queries)[: MAX_URL_CHARS + 1]), MAX_URL_CHARS)


def _stripped(url: str, *, keep_queries: bool) -> str:
    url, _, _ = url.partition("#")
    found = _scheme(url)
    before, mark, query = url.partition("?")
    query = mark + query if keep_queries else ""
    if found is None:
        return before + query
    scheme = found[1].lower()
    if scheme == "about":
        return f"about{before[len(scheme) :].lower()}"
    if scheme not in _WITH_HOSTS:
        return f"{scheme}:"
    # Browsers read a backslash as a slash here, and any number of either.  (URL, "special authority slashes state")
    rest = before[len(scheme) + 1 :].replace("\\", "/").lstrip("/")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2].lower()}{slash}{path}{query}"
