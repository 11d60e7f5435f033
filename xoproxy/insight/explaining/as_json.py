"""An explanation as JSON, for programs.  Keys are only ever added; docs/explain.md lists them."""

import json
from collections.abc import Iterable
from typing import Any

from xoproxy.browser.model import Fields, Step, Verdict
from xoproxy.config.problems import Place
from xoproxy.insight.explaining.explanation import Exchange, Explanation, Opinion, Remedy
from xoproxy.insight.explaining.placing import Placement
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.explaining.routing import Routing, Skipped
from xoproxy.insight.explaining.sources import SourcedField

Json = dict[str, Any]


def as_json(explanation: Explanation) -> str:
    """Return the explanation as a JSON text."""
    return json.dumps(document(explanation), indent=2) + "\n"


def document(explanation: Explanation) -> Json:
    """Return the explanation as what `json` can write."""
    return {
        "allowed": explanation.allowed,
        "question": _question(explanation.question),
        "source": explanation.source,
        "browsers": [_opinion(opinion) for opinion in explanation.opinions],
        "fixes": [_remedy(remedy) for remedy in explanation.remedies],
        "isolating": [_remedy(remedy) for remedy in explanation.isolating],
        "keeping": [_remedy(remedy) for remedy in explanation.keeping],
        "beyond": list(explanation.beyond),
        "refused": list(explanation.refusals),
        "notes": list(explanation.notes),
    }


def _question(question: Question) -> Json:
    return {
        "method": _text(question.method),
        "url": question.url,
        "page": question.page,
        "origin": None if question.origin is None else _text(question.origin),
        "mode": question.mode.value,
        "credentials": question.credentials.value,
        "destination": question.destination,
        "headers": _fields(question.fields),
        "hosts": list(question.hosts),
    }


def _opinion(opinion: Opinion) -> Json:
    verdict = opinion.verdict
    return {
        "browser": opinion.engine.value,
        **_verdict(verdict),
        "allowed": opinion.allowed,
        "refusal": opinion.refusal,
        "console": opinion.console,
        "exposed": [_text(name) for name in verdict.exposed],
        "notes": list(verdict.notes),
        "isolated": None if opinion.isolated is None else _verdict(opinion.isolated),
        "opener": None if opinion.opener is None else _verdict(opinion.opener),
        "exchanges": [_exchange(exchange) for exchange in opinion.exchanges],
    }


def _verdict(verdict: Verdict) -> Json:
    return {
        "allowed": verdict.allowed,
        "decided_by": None if verdict.decisive is None else _step(verdict.decisive),
        "steps": [_step(step) for step in verdict.steps],
    }


def _step(step: Step) -> Json:
    return {"name": step.name, "address": step.anchor, "holds": step.holds, "why": step.why}


def _exchange(exchange: Exchange) -> Json:
    request = exchange.request
    return {
        "preflight": request.is_preflight,
        "request": {
            "method": _text(request.method),
            "url": request.url,
            "headers": _fields(request.fields),
            "credentialed": request.credentialed,
        },
        "response": {"status": exchange.response.status, "headers": _sourced(exchange.fields)},
        "removed": _sourced(exchange.removed),
        "routing": None if exchange.routing is None else _routing(exchange.routing),
        "outcome": str(exchange.outcome),
        "refusal": exchange.refusal,
        "backend_asked": exchange.met_backend,
    }


def _sourced(fields: Iterable[SourcedField]) -> list[Json]:
    return [
        {
            "name": field.name,
            "value": field.value,
            "by": field.by.value,
            "parts": [{"key": part.key, **place_object(part.place)} for part in field.parts],
        }
        for field in fields
    ]


def _routing(routing: Routing) -> Json:
    route = routing.route
    return {
        "route": None if route is None else route.name,
        "policy": None if route is None else route.policy_name,
        "upstream": None if route is None else route.upstream,
        "collects": routing.collects,
        "place": None if routing.place is None else place_object(routing.place),
        "skipped": [_skipped(skipped) for skipped in routing.skipped],
    }


def _skipped(skipped: Skipped) -> Json:
    misses = [
        {
            "condition": miss.condition,
            "wanted": miss.wanted,
            "got": miss.got,
            "place": None if miss.place is None else place_object(miss.place),
        }
        for miss in skipped.misses
    ]
    return {"route": skipped.name, "place": place_object(skipped.place), "misses": misses}


def _remedy(remedy: Remedy) -> Json:
    return {
        "browsers": [engine.value for engine in remedy.engines],
        "changes": [placement_object(placement) for placement in remedy.placements],
        "careful": list(remedy.dangers),
        "alone": None if remedy.alone is None else placement_object(remedy.alone),
    }


def placement_object(placement: Placement) -> Json:
    """Return a change of the file."""
    return {
        **place_object(placement.place),
        "do": placement.into.value,
        "value": placement.value,
        "yaml": placement.yaml,
        "also": list(placement.also),
    }


def place_object(place: Place) -> Json:
    """Return a place; line 0 is none in a file, as of a preset."""
    return {"source": place.mark.source, "line": place.mark.line, "column": place.mark.column, "path": place.path}


def _fields(fields: Fields) -> list[list[str]]:
    return [[_text(name), _text(value)] for name, value in fields]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
