"""What two policies' `cors` decide differently."""

from collections.abc import Iterable

from xoproxy.insight.comparing.changes import Change, Direction, Names, gained_and_lost
from xoproxy.insight.comparing.origins import missing_from
from xoproxy.policy.cors import SAFELISTED_METHODS
from xoproxy.policy.model import ANY, Cors, Off, PreflightHandling, Refusal

_NOBODY = Cors(allow_origins=())


def compare_cors(old: Cors | Off | None, new: Cors | Off | None) -> list[Change]:
    """Return what becomes of cross-origin reading.  An absent `cors` leaves it to the backend: then nothing is held back."""
    if old == new:
        return []
    if new is None:
        return [Change("cors", Direction.WIDER, "the backend's own CORS fields decide who may read")]
    changes: list[Change] = []
    if old is None:
        changes.append(Change("cors", Direction.NARROWER, "the backend's own CORS fields no longer count"))
    before = old if isinstance(old, Cors) else _NOBODY
    after = new if isinstance(new, Cors) else _NOBODY
    readers = _readers(before, after)
    changes += readers
    if _grants_any(before) and _grants_any(after):
        changes += _terms(before, after)
    elif _grants_any(after) and after.allow_credentials:
        changes.append(Change("cors.allow_credentials", Direction.WIDER, "they may read with the user's cookies"))
    if isinstance(old, Cors) and isinstance(new, Cors):
        changes += _handling(old, new)
    return changes


def _grants_any(cors: Cors) -> bool:
    return bool(cors.allow_origins is ANY or cors.allow_origins or cors.allow_origin_regexes or cors.allow_null_origin)


def _readers(old: Cors, new: Cors) -> list[Change]:
    """Compare who may read."""
    gained = [*missing_from(new.allow_origins, old.allow_origins), *_others(new, old)]
    lost = [*missing_from(old.allow_origins, new.allow_origins), *_others(old, new)]
    return gained_and_lost("cors.allow_origins", gained, lost, "may read")


def _others(wanted: Cors, have: Cors) -> Iterable[str]:
    if have.allow_origins is not ANY:
        yield from (f"/{regex}/" for regex in wanted.allow_origin_regexes if regex not in have.allow_origin_regexes)
    if wanted.allow_null_origin and not have.allow_null_origin and not _any_uncredentialed(have):
        yield "the opaque origin null"
    if wanted.insecure_by_regex and not have.insecure_by_regex and have.allow_origins is not ANY:
        yield "plain-http origins that an expression matches"


def _any_uncredentialed(cors: Cors) -> bool:
    return cors.allow_origins is ANY and not cors.allow_credentials


def _terms(old: Cors, new: Cors) -> list[Change]:
    """Compare what those that may read may do."""
    changes: list[Change] = []
    if old.allow_credentials != new.allow_credentials:
        direction = Direction.WIDER if new.allow_credentials else Direction.NARROWER
        said = "may read with the user's cookies" if new.allow_credentials else "may no longer read with the user's cookies"
        changes.append(Change("cors.allow_credentials", direction, f"allowed origins {said}"))
    methods = frozenset(SAFELISTED_METHODS)
    for key, what, before, after, implied in (
        ("allow_methods", "may be used", old.allow_methods, new.allow_methods, methods),
        ("allow_headers", "may be sent", _folded(old.allow_headers), _folded(new.allow_headers), frozenset[bytes]()),
        (
            "expose_headers",
            "can be read by script",
            _folded(old.expose_headers),
            _folded(new.expose_headers),
            frozenset[bytes](),
        ),
    ):
        changes += gained_and_lost(f"cors.{key}", _more(after, before, implied), _more(before, after, implied), what)
    return changes


def _folded(names: Names) -> Names:
    """Return field names as they are compared: without case.  Methods are case-sensitive."""
    return names if names is ANY else tuple(name.lower() for name in names)


def _more(wanted: Names, have: Names, implied: frozenset[bytes]) -> list[str]:
    """Return the names of one list that another lacks."""
    if have is ANY:
        return []
    if wanted is ANY:
        return ["everything"]
    return [name.decode("ascii") for name in wanted if name not in implied and name not in have]


def _handling(old: Cors, new: Cors) -> list[Change]:
    """Compare how preflights and refusals are handled."""
    changes: list[Change] = []
    if old.preflight is not new.preflight:
        forwards = new.preflight is PreflightHandling.FORWARD
        said = "the backend answers preflights" if forwards else "xoproxy answers preflights"
        changes.append(Change("cors.preflight", Direction.WIDER if forwards else Direction.NARROWER, said))
    if old.refuse is not new.refuse:
        rejects = new.refuse is Refusal.REJECT
        said = "requests of other origins are answered with 403" if rejects else "requests of other origins reach the backend"
        changes.append(Change("cors.refuse", Direction.NARROWER if rejects else Direction.WIDER, said))
    if old.legacy_private_network != new.legacy_private_network:
        direction = Direction.WIDER if new.legacy_private_network else Direction.NARROWER
        said = "is" if new.legacy_private_network else "is no longer"
        changes.append(
            Change("cors.legacy_private_network", direction, f"private network access {said} granted to old browsers")
        )
    if old.max_age_s != new.max_age_s:
        changes.append(Change("cors.max_age", Direction.CHANGED, f"{_age(old.max_age_s)} -> {_age(new.max_age_s)}"))
    return changes


def _age(seconds: int | None) -> str:
    return "5s, the browsers' default" if seconds is None else f"{seconds}s"
