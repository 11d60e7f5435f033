"""The end of a trial: what is observed is enforced.  The same words, moved up out of `observe`."""

from typing import Final

from xoproxy.config import Loaded, nodes
from xoproxy.config.nodes import Plain
from xoproxy.config.problems import Place
from xoproxy.insight.deciding.observed import Trial
from xoproxy.insight.explaining.edits import Edit, How
from xoproxy.insight.explaining.placing import node_at

_LONG: Final = ".value"


def enforcing(loaded: Loaded, trial: Trial) -> tuple[Edit, ...]:
    """Return the edits that enforce what is on trial, for its route; none if the file does not say it."""
    node = node_at(loaded, _whole(trial.place))
    if node is None:
        return ()
    value: Plain = nodes.plain(node)
    route, key = trial.draft.route.name, trial.kind.key
    return (Edit(route, key, How.SET, value), Edit(route, f"observe.{key}", How.REMOVE, ""))


def _whole(place: Place) -> Place:
    """Return the place of a value with whom it is reported to, if that is beside it."""
    return Place(place.mark, place.path.removesuffix(_LONG))
