"""Changes of a policy that could turn a verdict, made on the composed policy and judged as the loader judges a file.

An *edit* says one thing: a key gets a value, or a list gets one member more.  Applied to a route's draft it gives what the file
would give with the same words in it: values are read and policies sealed by the very functions that load a file, so an edit
that the loader would refuse is refused here.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Final, Literal, TypeVar

from xoproxy.config.drafts import CorsDraft, OriginsDraft, Placed, PolicyDraft
from xoproxy.config.nodes import Plain, node_of
from xoproxy.config.policies import read_policy
from xoproxy.config.problems import Mark, Problem
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.sealing import seal
from xoproxy.policy.model import ANY, Anything, Policy
from xoproxy.slotted import dataclass

M = TypeVar("M")

_MARK: Final = Mark("a suggestion")


class How(Enum):
    """What an edit does to its key."""

    SET = "set"
    APPEND = "append"
    REMOVE = "remove"  # keys of `observe` only: what is no longer on trial


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of one route's policy, or of its `match`.

    `danger`: what else it allows, in words; empty if nothing grave.  `cost`: how much that is; what costs least is told first.
    """

    route: str  # its name, as "routes[2]"
    key: str  # a key path of the policy, as "cors.allow_methods", or "match.methods"
    how: How
    value: Plain
    danger: str = ""
    cost: int = 0


def nested(key: str, value: Plain) -> dict[str, Plain]:
    """Return the mapping that a key path with a value stands for."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def merged(mappings: Iterable[dict[str, Plain]]) -> dict[str, Plain]:
    """Return mappings as one; lists are joined, and what they compose is one mapping at their end."""
    whole: dict[str, Plain] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            whole[key] = _joined(whole[key], value) if key in whole else value
    return whole


def _joined(one: Plain, other: Plain) -> Plain:
    if isinstance(one, dict) and isinstance(other, dict):
        return merged((one, other))
    if isinstance(one, list) and isinstance(other, list):
        texts = list(dict.fromkeys(each for each in (*one, *other) if isinstance(each, str)))
        mappings = [each for each in (*one, *other) if isinstance(each, dict)]
        return [*texts, merged(mappings)] if mappings else [*texts]
    return other


def edited(draft: PolicyDraft, edits: Iterable[Edit], endpoints: Collection[str] = ()) -> Policy | tuple[Problem, ...]:
    """Return the policy of a draft with edits made, or why the loader would refuse it.

    `endpoints`: the names that edits may report to.
    """
    reader = Reader({}, date.min)
    for edit in edits:
        if edit.how is How.REMOVE:
            draft = _without(draft, edit.key)
            continue
        value: Plain = [edit.value] if edit.how is How.APPEND else edit.value
        overlay = read_policy(reader, Spot(node_of(nested(edit.key, value), _MARK), ""), endpoints)
        overlay = _lengthened(draft, overlay) if edit.how is How.APPEND else _still_reporting(draft, overlay)
        draft = overlay.over(draft)
    policy = seal(reader, draft)
    return policy if not reader.has_errors() else tuple(reader.problems)


def _without(draft: PolicyDraft, key: str) -> PolicyDraft:
    """Return the draft without a word about a key of `observe`."""
    match key:
        case "observe.coop":
            return replace(draft, observe_coop=None)
        case "observe.coep":
            return replace(draft, observe_coep=None)
        case "observe.document_isolation":
            return replace(draft, observe_document_isolation=None)
        case "observe.permissions_policy":
            return replace(draft, observe_permissions_policy=None)
        case _:
            assert key == "observe.integrity_policy", key
            return replace(draft, observe_integrity_policy=None)


def _still_reporting(draft: PolicyDraft, overlay: PolicyDraft) -> PolicyDraft:
    """Return the overlay, its words reporting to whom those of the draft do: in the long form only `value` is changed."""
    coop, coep, isolation = overlay.observe_coop, overlay.observe_coep, overlay.observe_document_isolation
    if coop is not None and draft.observe_coop is not None and coop.value.report_to is None:
        coop = replace(coop, value=replace(coop.value, report_to=draft.observe_coop.value.report_to))
    if coep is not None and draft.observe_coep is not None and coep.value.report_to is None:
        coep = replace(coep, value=replace(coep.value, report_to=draft.observe_coep.value.report_to))
    if isolation is not None and draft.observe_document_isolation is not None and isolation.value.report_to is None:
        endpoint = draft.observe_document_isolation.value.report_to
        isolation = replace(isolation, value=replace(isolation.value, report_to=endpoint))
    return replace(overlay, observe_coop=coop, observe_coep=coep, observe_document_isolation=isolation)


def _lengthened(draft: PolicyDraft, overlay: PolicyDraft) -> PolicyDraft:
    """Return the overlay with the members that its lists have in the draft before its own."""
    if isinstance(overlay.websocket, OriginsDraft) and isinstance(draft.websocket, OriginsDraft):
        origins = _joined_lists(draft.websocket.allow_origins, overlay.websocket.allow_origins)
        return replace(overlay, websocket=replace(draft.websocket, allow_origins=origins))
    if isinstance(overlay.cors, CorsDraft) and isinstance(draft.cors, CorsDraft):
        cors = replace(
            overlay.cors,
            allow_origins=_joined_lists(draft.cors.allow_origins, overlay.cors.allow_origins),
            allow_methods=_joined_lists(draft.cors.allow_methods, overlay.cors.allow_methods),
            allow_headers=_joined_lists(draft.cors.allow_headers, overlay.cors.allow_headers),
        )
        return replace(overlay, cors=cors)
    return overlay


def _joined_lists(
    standing: Placed[tuple[M, ...] | Literal[Anything.ANY]] | None, added: Placed[tuple[M, ...] | Literal[Anything.ANY]] | None
) -> Placed[tuple[M, ...] | Literal[Anything.ANY]] | None:
    if standing is None or added is None:
        return added or standing
    if standing.value is ANY or added.value is ANY:
        return added
    return Placed((*standing.value, *added.value), standing.place)
