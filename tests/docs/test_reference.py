"""What the documents list is what the code has: keys, defaults, problems, presets, log fields; and links lead somewhere."""

import json
import re
from enum import Enum
from pathlib import Path

import pytest
from support.configs import compiled, problems_of
from support.exchanges import exchange, request, response
from support.markdown import DOCUMENTS, ROOT, anchor, code, links, rows, section, sections
from support.records import exchange_record

from xoproxy import __version__
from xoproxy.config import keys, values
from xoproxy.config.collecting import keep
from xoproxy.config.compiler import LISTEN_FROM_FILE, LISTEN_FROM_OPTIONS
from xoproxy.config.presets import PRESETS
from xoproxy.config.problems import Id
from xoproxy.config.reported import Destination
from xoproxy.config.sections import DEFAULT_ADMIN
from xoproxy.config.settings import (
    Collecting,
    Ejection,
    Exporting,
    HealthCheck,
    Limits,
    LogFormat,
    LogKey,
    LogLevel,
    LogSettings,
    Queueing,
    Resolving,
    Timeouts,
    TracingSettings,
)
from xoproxy.config.upstreams import CONNECT_S, RESPONSE_S
from xoproxy.dataplane.errors import ErrorKind
from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy, ResourcePolicy, UpstreamFields
from xoproxy.telemetry.access_log import render_json

README = ROOT / "README.md"
POLICY_FILE = ROOT / "docs/policy-file.md"
LOGS = ROOT / "docs/logs-and-traces.md"
PROBLEMS = ROOT / "docs/problems.md"
MAPPINGS = {kind.where: kind for kind in vars(keys).values() if isinstance(kind, keys.Keys)}

TOP = "version: 1\nupstream: http://app:5000\n"
REPORTING = "reporting: {endpoints: {isolation: upstream}}\n"
IN_UPSTREAM = "version: 1\nupstream: app\nupstreams:\n  app:\n    url: https://app:5000\n    %s:\n      %%s\n"
# Where the example of a key stands: the file around it, and the keys that have to stand beside it, unless it is one of them.
AROUND: dict[str, tuple[str, dict[str, str]]] = {
    "the policy file": ("%s\n", {"version": "version: 1", "upstream": "upstream: http://app:5000"}),
    "an entry of `listen`": (TOP + "listen:\n  - %s\n", {"address": "address: 127.0.0.1:8080"}),
    "`tls` of an entry of `listen`": (
        TOP + "listen:\n- address: 127.0.0.1:8443\n  tls:\n    %s\n",
        {"certificate": "certificate: a", "key": "key: b"},
    ),
    "`admin`": (TOP + "admin:\n  %s\n", {}),
    "an upstream": ("version: 1\nupstream: app\nupstreams:\n  app:\n    %s\n", {"url": "url: https://app:5000"}),
    "`tls` of an upstream": (
        IN_UPSTREAM % "tls",
        {"certificate": "certificate: a", "key": "key: b"},
    ),
    "`ejection`": (IN_UPSTREAM % "ejection", {}),
    "`resolve`": (IN_UPSTREAM % "resolve", {}),
    "`health_check`": (IN_UPSTREAM % "health_check", {"path": "path: /healthz"}),
    "a policy": (TOP + REPORTING + "policy:\n  %s\n", {}),
    "`cors`": (TOP + "policy:\n  cors:\n    %s\n", {"allow_origins": "allow_origins: [https://app.example.com]"}),
    "`websocket_origins`": (
        TOP + "policy:\n  websocket_origins:\n    %s\n",
        {"allow_origins": "allow_origins: [https://app.example.com]"},
    ),
    "an entry of `allow_origins`": (
        TOP + "policy:\n  cors:\n    allow_origins:\n      - %s\n",
        {"origin": "origin: https://a.example"},
    ),
    "an entry of `allow_origin_regexes`": (
        TOP + "policy:\n  cors:\n    allow_origin_regexes:\n      - %s\n",
        {"regex": "regex: 'https://a\\.example'"},
    ),
    "a dangerous key": (
        TOP + "policy:\n  cors:\n    allow_origins: 'http://a.example'\n    dangerously_allow_insecure_origins:\n      %s\n",
        {"reason": "reason: why"},
    ),
    "`integrity_policy`": (
        TOP + "policy:\n  integrity_policy:\n    %s\n",
        {"blocked_destinations": "blocked_destinations: script"},
    ),
    "`observe`": (TOP + "policy:\n  observe:\n    %s\n", {}),
    "a value's long form": (TOP + REPORTING + "policy:\n  coop:\n    %s\n", {"value": "value: same-origin"}),
    "`headers`": (TOP + "policy:\n  headers:\n    %s\n", {}),
    "a route": ("version: 1\nupstreams: {web: http://web:3000}\nroutes:\n  - %s\n", {"upstream": "upstream: web"}),
    "`match`": (TOP + "routes:\n- match:\n    %s\n", {}),
    "`reporting`": (TOP + "reporting:\n  %s\n", {}),
    "`timeouts`": (TOP + "timeouts:\n  %s\n", {}),
    "`limits`": (TOP + "limits:\n  %s\n", {}),
    "`log`": (TOP + "log:\n  %s\n", {}),
    "`tracing`": (TOP + "tracing:\n  %s\n", {"export": "export: http://otel-collector:4318"}),
}
EXCLUDES = {"urls": "url"}


def where(heading: str) -> str:
    """Return the name of a mapping, as the registry has it, for a heading."""
    return heading[0].lower() + heading[1:]


def table(mapping: str) -> list[list[str]]:
    """Return the rows for a mapping's keys: key, values, default, example."""
    (found,) = (part for part in sections(POLICY_FILE) if part.level == 2 and where(part.heading) == mapping)
    return rows(found.text)


def test_reference_has_a_section_for_every_mapping() -> None:
    documented = [where(part.heading) for part in sections(POLICY_FILE) if part.level == 2]

    assert sorted(documented) == sorted(MAPPINGS)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_reference_lists_exactly_the_keys_of_the_registry(mapping: str) -> None:
    assert sorted(code(row[0])[0] for row in table(mapping)) == sorted(MAPPINGS[mapping].names)


@pytest.mark.parametrize(
    ("mapping", "key", "example"),
    [
        pytest.param(mapping, *code(row[0]), row[3].strip("`"), id=f"{mapping}-{code(row[0])[0]}")
        for mapping in MAPPINGS
        for row in table(mapping)
    ],
)
def test_example_of_a_key_loads(mapping: str, key: str, example: str) -> None:
    """Each example is of its own key, and a file with it has no problems."""
    around, companions = AROUND[mapping]
    beside = [text for name, text in companions.items() if name not in (key, EXCLUDES.get(key))]
    start = around.rpartition("\n")[0].rpartition("\n")[2]
    indentation = "\n" + " " * start.index("%s")

    assert example.startswith(f"{key}: ")
    assert problems_of(around.replace("%s", indentation.join([example, *beside]))) == ()


@pytest.mark.parametrize(
    ("mapping", "key", "kind", "more"),
    [
        ("a policy", "coop", OpenerPolicy, {"off"}),
        ("a policy", "coep", EmbedderPolicy, {"off"}),
        ("a policy", "corp", ResourcePolicy, {"off"}),
        ("a policy", "document_isolation", DocumentIsolation, {"off"}),
        ("a policy", "upstream_fields", UpstreamFields, set[str]()),
        ("`integrity_policy`", "blocked_destinations", Destination, set[str]()),
        ("`log`", "format", LogFormat, set[str]()),
        ("`log`", "level", LogLevel, set[str]()),
        ("`log`", "keys", LogKey, set[str]()),
    ],
)
def test_reference_lists_exactly_the_values_of_a_choice(mapping: str, key: str, kind: type[Enum], more: set[str]) -> None:
    (row,) = (row for row in table(mapping) if code(row[0]) == [key])
    listed = row[1].partition("; ")[0]

    assert set(code(listed)) == {member.value for member in kind} | more


def default_of(mapping: str, key: str) -> str:
    (row,) = (row for row in table(mapping) if code(row[0]) == [key])
    return code(row[2])[0]


def test_stated_defaults_are_those_of_the_code() -> None:
    timeouts, limits, log = Timeouts(), Limits(), LogSettings()
    seconds = {name: getattr(timeouts, f"{name}_s") for name in ("idle", "head", "body", "tunnel", "drain", "pool")}
    seconds |= {"connect": CONNECT_S, "response": RESPONSE_S}

    assert {key: values.duration(default_of("`timeouts`", key)) for key in keys.TIMEOUTS.names} == seconds
    assert values.size(default_of("`limits`", "request_head")) == limits.request_head_bytes
    assert values.size(default_of("`limits`", "response_head")) == limits.response_head_bytes
    assert values.body_size(default_of("`limits`", "request_body")) is limits.request_body_bytes
    queueing, ejection, resolving, check = Queueing(), Ejection(), Resolving(), HealthCheck("")
    assert default_of("an upstream", "max_waiting") == str(queueing.max_waiting)
    assert values.duration(default_of("an upstream", "wait_timeout")) == queueing.wait_timeout_s
    assert queueing.max_connections is None
    assert default_of("`ejection`", "failures") == str(ejection.failures)
    assert values.duration(default_of("`ejection`", "backoff")) == ejection.backoff_s
    assert values.duration(default_of("`ejection`", "max_backoff")) == ejection.max_backoff_s
    assert values.duration(default_of("`resolve`", "floor")) == resolving.floor_s
    assert values.duration(default_of("`resolve`", "ceiling")) == resolving.ceiling_s
    assert values.duration(default_of("`health_check`", "interval")) == check.interval_s
    assert values.duration(default_of("`health_check`", "timeout")) == check.timeout_s
    assert default_of("`health_check`", "healthy_after") == str(check.healthy_after)
    assert default_of("`health_check`", "unhealthy_after") == str(check.unhealthy_after)
    collected = Collecting()
    assert default_of("`reporting`", "store") == collected.store.name
    assert keep(default_of("`reporting`", "keep")) == collected.keep_s
    assert default_of("`reporting`", "max_groups") == str(collected.max_groups)
    assert values.size(default_of("`reporting`", "max_body")) == collected.max_body_bytes
    assert default_of("`reporting`", "rate") == str(collected.deliveries_per_minute)
    assert default_of("`reporting`", "keep_queries") == str(collected.keep_queries).lower()
    assert default_of("`log`", "format") == log.format.value
    assert default_of("`log`", "level") == log.level.value
    assert values.percentage(default_of("`log`", "sample")) == log.sample
    assert values.percentage(default_of("`tracing`", "sample")) == TracingSettings().sample
    assert default_of("`tracing`", "service_name") == Exporting("").service_name
    assert default_of("the policy file", "listen") == str(LISTEN_FROM_FILE.address)
    assert str(LISTEN_FROM_OPTIONS.address) in table("the policy file")[1][2]
    assert default_of("the policy file", "admin") == default_of("`admin`", "address") == str(DEFAULT_ADMIN)
    assert compiled(TOP).routes[0].route.policy_name == default_of("the policy file", "policy")


def test_problems_are_those_of_the_register_in_its_order() -> None:
    """With the same meaning in the same words."""
    documented = [
        (part.heading, re.match(r"\n\n\*\*(.*?)\.\*\* ", part.text)) for part in sections(PROBLEMS) if part.level == 3
    ]

    assert [(heading, meaning and where(meaning[1])) for heading, meaning in documented] == [
        (kind.code, kind.meaning) for kind in Id
    ]


def test_every_problem_that_a_text_can_have_is_shown_and_mended() -> None:
    """All but those of files as such; what is shown is checked with the other YAML blocks."""
    of_files = {"XO001", "XO002", "XO003", "XO006", "XO018", "XO019", "XO020"}
    shown = {
        part.heading for part in sections(PROBLEMS) if f"\n# {part.heading}" in part.text and part.text.count("```yaml") == 2
    }

    assert shown == {kind.code for kind in Id} - of_files


AGENTS = {
    "every browser": b"anything",
    "Chrome 96, Firefox 119 on desktops, and later": b"Mozilla/5.0 AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "other browsers, Safari among them": b"Mozilla/5.0 AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15",
}


@pytest.mark.parametrize("row", rows(section(README, "Presets").text), ids=lambda row: f"{row[0]} {row[1]}")
def test_preset_sends_exactly_the_lines_of_the_readme(row: list[str]) -> None:
    """For a plain request, one with an Origin, and an error."""
    table = compiled(f"{TOP}policy: {code(row[0])[0]}\n").generation.routes
    agent = b"User-Agent: " + AGENTS[row[1]]
    for status, lines in ((200, ()), (200, (b"Origin: https://app.example.com",)), (500, ())):
        seen = exchange(table, request(b"GET", b"/", agent, *lines), response(status))

        assert seen.decided == sorted(line.encode() for line in code(row[2]))


def test_readme_has_every_preset() -> None:
    assert {code(row[0])[0] for row in rows(section(README, "Presets").text)} == set(PRESETS)


def test_exactly_the_keys_of_a_log_line_are_listed() -> None:
    line = json.loads(render_json(exchange_record("127.0.0.1", 0.0)))
    documented = [name for row in rows(section(LOGS, "Keys of a line").text) for name in code(row[0])]

    assert sorted(documented) == sorted(line)


def test_exactly_the_outcomes_of_cors_are_listed() -> None:
    """And errors that there are."""
    meanings = {name: row[1] for row in rows(section(LOGS, "Keys of a line").text) for name in code(row[0])}

    assert code(meanings["cors"]) == [outcome.value for outcome in CorsOutcome]
    assert set(code(meanings["error"])) <= {kind.value for kind in ErrorKind}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_are_there(document: Path) -> None:
    """Links to other sites are left alone: the tests talk to nobody."""
    for target in links(document):
        name, _, fragment = target.partition("#")
        if "://" in target:
            continue
        path = (document.parent / name).resolve() if name else document

        assert path.exists(), target
        if fragment:
            assert fragment in {anchor(part.heading) for part in sections(path)}, target


def test_changelog_has_the_version() -> None:
    assert f"[{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 300
