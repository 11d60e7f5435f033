"""What is shown, as JSON.  docs/seeing-the-policy.md describes it; members are added, and never change their meaning."""

import json

from xoproxy.config.problems import Place
from xoproxy.insight.effective import Json
from xoproxy.insight.showing.shown import Part, Shown, ShownCors, ShownRoute


def as_json(shown: Shown) -> str:
    """Return a JSON document."""
    document: dict[str, Json] = {
        "source": shown.source,
        "digest": shown.digest,
        "routes": [route_as_json(route) for route in shown.routes],
        "unmatched": route_as_json(shown.unmatched),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def route_as_json(route: ShownRoute) -> dict[str, Json]:
    """Return one route of the document."""
    upstream = route.upstream if route.upstream_name else None
    return {
        "name": route.name,
        "place": _place(route.place),
        "match": [_part(part) for part in route.match],
        "upstream": None
        if upstream is None
        else {"name": route.upstream_name, "urls": upstream.value, "place": _place(upstream.place)},
        "policy": {
            "name": route.policy_name,
            "place": _place(route.policy_place),
            "keys": [_part(part) for part in route.parts],
        },
        "sends": [{"line": line.line, "keys": [*line.keys], "when": line.when} for line in route.sends],
        "cors": None if route.cors is None else _cors(route.cors),
        "removes": [*route.removes],
        "leaves": [*route.leaves],
        "upstream_fields": route.upstream_fields,
    }


def _cors(cors: ShownCors) -> dict[str, Json]:
    return {
        "origins": [*cors.origins],
        "lines": [*cors.lines],
        "preflight_lines": [*cors.preflight_lines],
        "refuse": cors.refuse.value,
    }


def _part(part: Part) -> dict[str, Json]:
    return {"key": part.key, "value": part.value, "place": _place(part.place)}


def _place(place: Place | None) -> Json:
    """Return a place; `line` and `column` count from 1, and 0 is no place in a file: a preset or an option."""
    if place is None:
        return None
    mark = place.mark
    return {"source": mark.source, "line": mark.line, "column": mark.column, "path": place.path}
