"""Dangerous keys that nothing needs: they wait for the day on which something does, and nobody is told then."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft, Escape, OriginsDraft, Placed, PolicyDraft
from xoproxy.config.lint.view import Used, View, once
from xoproxy.config.origins import covers_public_suffix, is_insecure
from xoproxy.config.problems import Id, Mark, Place, Problem, problem_at
from xoproxy.config.regexes import coverage
from xoproxy.policy.model import ANY
from xoproxy.semantics.origins import OriginPattern

_NO_CORS: Final = CorsDraft(Place(Mark("")))
_NO_SOCKETS: Final = OriginsDraft(Place(Mark("")), None)
_SECURE: Final = re.compile(r"\^?https://[^|]*")


def _needless(view: View) -> Iterator[Problem]:
    yield from _needless_in(view, _cors)
    yield from _needless_in(view, _sockets)
    for part, policies in once(view, lambda draft: _cors(draft).any_with_credentials):
        if not any(_reflects(_cors(draft)) for draft in _drafts(policies)):
            yield _finding(part, "it is for every origin together with allow_credentials, and one of these is not there")


def _needless_in(view: View, list_of: Callable[[PolicyDraft], CorsDraft | OriginsDraft]) -> Iterator[Problem]:
    """Yield a finding for each dangerous key beside a list that would be taken without it, in every policy that has the key."""
    for part, policies in once(view, lambda draft: list_of(draft).insecure_origins):
        if not any(_needs_insecure(list_of(draft)) for draft in _drafts(policies)):
            yield _finding(part, "no origin of the list is plain http")
    for part, policies in once(view, lambda draft: list_of(draft).public_suffixes):
        if not any(_needs_suffixes(list_of(draft)) for draft in _drafts(policies)):
            yield _finding(part, "nothing in the list covers names that anyone can have")


def _drafts(policies: tuple[Used, ...]) -> Iterator[PolicyDraft]:
    return (used.draft for used in policies)


def _finding(part: Placed[Escape], why: str) -> Problem:
    key = part.place.path.rpartition(".")[2]
    return problem_at(part.place, Id.NEEDLESS_ESCAPE, f"{why}; remove {key}, so that the next one is noticed")


def _cors(draft: PolicyDraft) -> CorsDraft:
    return draft.cors if isinstance(draft.cors, CorsDraft) else _NO_CORS


def _sockets(draft: PolicyDraft) -> OriginsDraft:
    return draft.websocket or _NO_SOCKETS


def _patterns(draft: CorsDraft | OriginsDraft) -> Iterator[OriginPattern]:
    origins = draft.allow_origins
    for item in () if origins is None or origins.value is ANY else origins.value:
        if isinstance(item.value, OriginPattern):
            yield item.value


def _regexes(draft: CorsDraft | OriginsDraft) -> Iterator[str]:
    for item in draft.allow_origin_regexes.value if draft.allow_origin_regexes is not None else ():
        yield item.value


def _needs_insecure(draft: CorsDraft | OriginsDraft) -> bool:
    """A pattern is certain to leave plain http out only if it begins with https and has no other branch."""
    return any(map(is_insecure, _patterns(draft))) or not all(map(_SECURE.fullmatch, _regexes(draft)))


def _needs_suffixes(draft: CorsDraft | OriginsDraft) -> bool:
    strangers = (coverage(pattern).stranger for pattern in _regexes(draft))
    return any(map(covers_public_suffix, _patterns(draft))) or any(stranger is not None for stranger in strangers)


def _reflects(cors: CorsDraft) -> bool:
    has_any = cors.allow_origins is not None and cors.allow_origins.value is ANY
    is_credentialed = cors.allow_credentials is not None and cors.allow_credentials.value
    return is_credentialed and (has_any or any(coverage(pattern).is_any for pattern in _regexes(cors)))


CHECKS: Final = (_needless,)
