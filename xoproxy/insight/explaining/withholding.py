"""Tell values of `headers` that the environment filled in as the file writes them, as ``${TOKEN}``.  (as `showing.written`)

An explanation is read by people who may reach the admin endpoint and may not read the environment.  Only what is told is
changed: requests were matched, and responses judged, by the values themselves.
"""

from collections.abc import Iterable
from dataclasses import replace

from xoproxy.config import Loaded
from xoproxy.config.drafts import PolicyDraft
from xoproxy.insight.explaining.routing import Miss, Routing, Skipped
from xoproxy.insight.explaining.sources import By, SourcedField
from xoproxy.insight.showing.written import Fills


class Withholding:
    """What of a configuration is told as it is written."""

    def __init__(self, loaded: Loaded) -> None:
        self._fills = Fills(loaded.written)
        self._matches = {draft.route.name: draft.route.match.headers for draft in loaded.routes}

    def fields(self, fields: Iterable[SourcedField], draft: PolicyDraft) -> tuple[SourcedField, ...]:
        """Return the fields of an answer that was made by a policy."""
        edits = (*draft.edits.set, *draft.edits.add)
        told = {
            (edit.name.lower().decode("latin-1"), value.decode("utf-8", "backslashreplace")): shown.decode("utf-8")
            for edit in edits
            for value, shown in zip(edit.values, self._fills.field_values(edit.place, edit.values), strict=True)
        }
        return tuple(
            replace(field, value=told.get((field.name.lower(), field.value), field.value)) if field.by is By.POLICY else field
            for field in fields
        )

    def routing(self, routing: Routing | None) -> Routing | None:
        """Return why a request took its route."""
        if routing is None:
            return None
        skipped = (
            replace(each, misses=tuple(self._miss(each, miss) for miss in each.misses)) if each.misses else each
            for each in routing.skipped
        )
        return replace(routing, skipped=tuple(skipped))

    def _miss(self, skipped: Skipped, miss: Miss) -> Miss:
        if miss.condition != "headers":
            return miss
        globs = self._matches[skipped.name]
        told = (f"{name}: {self._fills.value_glob(miss.place, name, glob)}" for name, glob in globs)
        return replace(miss, wanted="; ".join(told))
