"""Dangerous keys that nothing needs: they wait for the day on which something does, and nobody is told then."""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft, Escape, Origins, OriginsDraft, Placed, PolicyDraft
from xoproxy.config.lint.view import Used, View, once
from xoproxy.config.origins import covers_public_suffix, is_insecure
from xoproxy.config.problems import Id, Mark, Place, Problem, problem_at
from xoproxy.policy.model import ANY
from xoproxy.semantics.origins import OriginPattern

_NO_CORS: Final = CorsDraft(Place(Mark("")))


def _needless(view: View) -> Iterator[Problem]:
    for part, policies in once(view, lambda draft: _cors(draft).insecure_origins):
        if not any(_has_insecure(_cors(used.draft).allow_origins) or _has_regexes(used) for used in policies):
            yield _finding(part, "no origin of the list is plain http")
    for part, policies in once(view, lambda draft: _cors(draft).public_suffixes):
        if not any(_has_suffix(_cors(used.draft).allow_origins) or _has_regexes(used) for used in policies):
            yield _finding(part, "no wildcard of the list stands before a public suffix")
    for part, policies in once(view, lambda draft: _cors(draft).any_with_credentials):
        if not any(_reflects(used) for used in policies):
            yield _finding(part, 'it is for allow_origins: "*" with allow_credentials, and one of these is not there')
    for part, policies in once(view, lambda draft: draft.websocket.insecure_origins if draft.websocket else None):
        if not any(_has_insecure(_sockets(used).allow_origins) for used in policies):
            yield _finding(part, "no origin of the list is plain http")
    for part, policies in once(view, lambda draft: draft.websocket.public_suffixes if draft.websocket else None):
        if not any(_has_suffix(_sockets(used).allow_origins) for used in policies):
            yield _finding(part, "no wildcard of the list stands before a public suffix")


def _finding(part: Placed[Escape], why: str) -> Problem:
    key = part.place.path.rpartition(".")[2]
    return problem_at(part.place, Id.NEEDLESS_ESCAPE, f"{why}; remove {key}, so that the next one is noticed")


def _cors(draft: PolicyDraft) -> CorsDraft:
    return draft.cors if isinstance(draft.cors, CorsDraft) else _NO_CORS


def _sockets(used: Used) -> OriginsDraft:
    assert used.draft.websocket is not None
    return used.draft.websocket


def _patterns(origins: Placed[Origins] | None) -> Iterator[OriginPattern]:
    for item in () if origins is None or origins.value is ANY else origins.value:
        if isinstance(item.value, OriginPattern):
            yield item.value


def _has_insecure(origins: Placed[Origins] | None) -> bool:
    return any(map(is_insecure, _patterns(origins)))


def _has_suffix(origins: Placed[Origins] | None) -> bool:
    return any(map(covers_public_suffix, _patterns(origins)))


def _has_regexes(used: Used) -> bool:
    """Whether there are patterns, which may need any of these keys."""
    return _cors(used.draft).allow_origin_regexes is not None


def _reflects(used: Used) -> bool:
    cors = _cors(used.draft)
    has_any = cors.allow_origins is not None and cors.allow_origins.value is ANY
    return has_any and cors.allow_credentials is not None and cors.allow_credentials.value


CHECKS: Final = (_needless,)
