"""Regular expressions over origins as operators write them, and what one covers, as far as that can be known.

A pattern says less clearly than a list whom it lets in.  So it is asked about origins of strangers, about some made from itself
(`witnesses`), and about ``null``: a yes is proof, but that there was none is not.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from xoproxy.browser.sites import registrable_domain
from xoproxy.config.origins import NULL, is_private_name, origin_pattern
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.witnesses import CHOSEN, MAX_DEPTH, REPEATED, TooDeepError, Witness, witnesses
from xoproxy.semantics.hosts import address_of, ends_in_a_number, is_loopback
from xoproxy.semantics.origins import Origin, parse_origin
from xoproxy.semantics.regexes import RegexError, RegexSet
from xoproxy.slotted import dataclass

MAX_PATTERN: Final = 500  # characters; more is written as several
MAX_PATTERNS: Final = 100  # in one list

# Origins of nobody that a file means: one by each way to be somebody.
_STRANGERS: Final = ("https://attacker-7f3a.com", "https://a.b.attacker-7f3a.co.uk:8443", "https://xn--7f3a-attacker.dev")
_INSECURE: Final = "http://attacker-7f3a.com"

_BARE_DOT: Final = re.compile(r"(?<!\\)\.(?![*+?{])")  # one that stands for one character, or for itself within brackets

# What RE2 says, and what an operator can do about it.
_ADVICE: Final = (
    (re.compile(r"\(\?<?[=!]"), "RE2 has no lookahead and no lookbehind; say what may stand there, not what may not"),
    (re.compile(r"\\[1-9]"), "RE2 has no backreferences; write both places out"),
    (re.compile(r"\(\?>|[*+?}]\+"), "RE2 has no atomic groups and possessive quantifiers, nor needs them: it never backtracks"),
    (re.compile(r"\\Z"), "the whole origin is matched in any case; leave \\Z out"),
    (re.compile(r"trailing \\"), "a back-slash ends it; write what is to be escaped behind it"),
    (re.compile(r"missing [\])]|unexpected \)"), "a bracket or parenthesis has no partner"),
    (re.compile(r"repetition size"), "RE2 repeats at most 1000 times"),
)


def origin_regex(text: str) -> str:
    """Check one pattern."""
    if len(text) > MAX_PATTERN:
        raise Refused(Id.REGEX_SIZE, f"this pattern has {len(text)} characters, {MAX_PATTERN} is the most; write several")
    if not text.isascii():
        raise Refused(
            Id.REGEX,
            f"{quoted(text)} has characters that no origin has; write the host in its ASCII form, which begins with xn--",
        )
    if re.match(r"/.*/[a-z]*$", text):
        raise Refused(Id.REGEX, f"{quoted(text)} has the slashes of another language around it; leave them out")
    if re.search(r"://\*", text):
        raise Refused(Id.REGEX, f"{quoted(text)} is no regular expression but a pattern; write it under allow_origins")
    try:
        coverage(text)
    except RegexError as fault:
        raise Refused(Id.REGEX, f"{quoted(text)} is not a regular expression of RE2: {_advice(str(fault))}") from None
    except TooDeepError:
        raise Refused(Id.REGEX_SIZE, f"{quoted(text)} has groups more than {MAX_DEPTH} deep; write several patterns") from None
    return text


def _advice(reason: str) -> str:
    return next((advice for pattern, advice in _ADVICE if pattern.search(reason)), reason)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a pattern covers beyond what anybody would mean."""

    is_any: bool  # every origin, as it seems
    stranger: str | None  # an origin that anyone can have
    insecure: str | None  # a plain-http origin of another machine
    null: bool


@lru_cache(maxsize=512)
def coverage(pattern: str) -> Coverage:
    """Return what a pattern covers.  Raises: `RegexError` if RE2 does not take it; `TooDeepError`."""
    regex = RegexSet((pattern,))
    strangers = [text for text in _STRANGERS if regex.matches(text.encode("ascii"))]
    insecure = [_INSECURE] if regex.matches(_INSECURE.encode("ascii")) else []
    for witness, origin in _origins(witnesses(pattern), regex):
        host = origin.host.decode("ascii")
        if origin.scheme == b"http" and not is_loopback(host):
            insecure.append(witness.text)
        if _is_anyones(witness, host):
            strangers.append(witness.text)
    return Coverage(
        is_any=tuple(strangers[: len(_STRANGERS)]) == _STRANGERS,
        stranger=strangers[0] if strangers else None,
        insecure=insecure[0] if insecure else None,
        null=regex.matches(NULL.value.encode("ascii")),
    )


def _origins(made: Sequence[Witness], regex: RegexSet) -> Iterator[tuple[Witness, Origin]]:
    """Yield those that are witnesses in truth, and origins."""
    for witness in made:
        text = witness.text.encode("ascii", "replace")
        origin = parse_origin(text)
        if origin is not None and regex.matches(text):
            yield witness, origin


def _is_anyones(witness: Witness, host: str) -> bool:
    """Whether what someone registered of this host is not fixed by the pattern: then anyone could have registered it.

    One character that may be another is a slip, and linted; several in a row, or a repetition, are the pattern's meaning.
    """
    marks = _marks_of_name(witness, host)
    return REPEATED in marks or CHOSEN * 2 in marks


def _marks_of_name(witness: Witness, host: str) -> str:
    """Return the marks of what someone registered of a host; nothing if nobody did."""
    address = address_of(host)
    if is_private_name(host) or (ends_in_a_number(host) if address is None else not address.is_global):
        return ""
    registered = registrable_domain(host) if address is None else host
    if registered is None:
        return ""
    end = witness.text.index("://") + 3 + len(host)
    return witness.marks[end - len(registered) : end]


def bare_dot(pattern: str) -> tuple[str, str] | None:
    """Return an origin that anyone can have and that a pattern matches by a dot without a back-slash, and the pattern with one.

    None: its dots do no harm.  `origin_regex` has taken it.
    """
    mended = _BARE_DOT.sub(r"\\.", pattern)
    if mended == pattern:
        return None
    regex, meant = RegexSet((pattern,)), RegexSet((mended,))
    for witness, origin in _origins(witnesses(pattern), regex):
        free = _marks_of_name(witness, origin.host.decode("ascii"))
        if CHOSEN in free and not meant.matches(witness.text.encode("ascii")):
            return witness.text, mended
    return None


def no_origin(pattern: str) -> str | None:
    """Return why what a pattern matches is no origin, told of one text; None: some of it is, or that cannot be known.

    `origin_regex` has taken it.
    """
    regex, covered = RegexSet((pattern,)), coverage(pattern)
    if covered.null or covered.stranger is not None or covered.insecure is not None:
        return None
    texts = [made.text for made in witnesses(pattern) if regex.matches(made.text.encode("ascii", "replace"))]
    faults = [_fault(text) for text in texts]
    return next(iter(faults), None) if all(faults) else None


def _fault(text: str) -> str | None:
    try:
        origin_pattern(text)
    except Refused as refused:
        return refused.message if parse_origin(text.encode("ascii", "replace")) is None else None
    return None
