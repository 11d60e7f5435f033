"""`reporting`: which requests are collected, each form of a value, bounds; and a store's password that nothing shows."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import HEAD, NOTHING, checked, compiled, problems_of

from xoproxy.config import collecting
from xoproxy.config.problems import Refused
from xoproxy.config.settings import Collecting, StoreKind, StoreSettings
from xoproxy.insight.effective import besides_routes, routes_as_json
from xoproxy.insight.showing import as_json, show


def settings_of(reporting: str) -> Collecting:
    return compiled(f"{HEAD}reporting: {{{reporting}}}\n").generation.settings.collecting


def test_nothing_is_collected_unless_an_endpoint_is_a_path() -> None:
    endpoints = "endpoints: {far: https://xoproxy.example/reports, app: upstream}"

    assert settings_of(endpoints) == compiled(HEAD).generation.settings.collecting == Collecting()
    assert not compiled(f"{HEAD}reporting: {{{endpoints}}}\n").generation.routes.collects(b"/reports")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/reports", b"/reports"),
        ("/reports/", b"/reports/"),
        ("/a/./b/../reports", b"/a/reports"),
        ("/%2e/reports", b"/reports"),
        ("/reports?for=app", b"/reports?for=app"),
        ("/reports#here", b"/reports"),
        ("/a%7e~b", b"/a%7e~b"),
        ("/{a}|`", b"/%7Ba%7D|%60"),
        ("/a?'x'", b"/a?%27x%27"),
    ],
)
def test_path_is_collected_as_browsers_ask_for_it(path: str, target: bytes) -> None:
    """Dot segments are resolved, what is unsafe is percent-encoded, the fragment is cut.  (URL Standard §4.4)"""
    loaded = compiled(f"{HEAD}reporting: {{endpoints: {{a: {json.dumps(path)}}}}}\n")

    assert loaded.generation.settings.collecting.targets == (target,)
    assert loaded.generation.routes.collects(target)
    assert loaded.generation.routes.collects(b"https://any.example" + target)
    assert not loaded.generation.routes.collects(target + b"x")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="\\"), max_size=30))
def test_target_comes_to_itself(text: str) -> None:
    """Whatever a path is: its target is one, and browsers would ask for nothing else."""
    target = collecting.target_of(f"/{text.lstrip('/')}")

    assert target[:1] == b"/"
    assert collecting.target_of("/." + target.decode()) == target


def test_two_endpoints_may_be_one_path() -> None:
    assert settings_of("endpoints: {a: /r, b: /x/../r}").targets == (b"/r",)


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("store: memory", Collecting()),
        (
            "store: /var/lib/xoproxy/reports.db",
            Collecting(store=StoreSettings(StoreKind.SQLITE, "/var/lib/xoproxy/reports.db")),
        ),
        ("keep: 12h", Collecting(keep_s=43200.0)),
        ("keep: 400d", Collecting(keep_s=400 * 86400.0)),
        ("keep: 60", Collecting(keep_s=60.0)),
        ("max_groups: 1", Collecting(max_groups=1)),
        ("max_groups: 10000000", Collecting(max_groups=10_000_000)),
        ("max_body: 1KiB", Collecting(max_body_bytes=1024)),
        ("max_body: 4MiB", Collecting(max_body_bytes=4 * 1024**2)),
        ("rate: 600", Collecting(deliveries_per_minute=600)),
        ("keep_queries: true", Collecting(keep_queries=True)),
        ("keep_queries: false", Collecting()),
    ],
)
def test_value_is_read(line: str, settings: Collecting) -> None:
    assert settings_of(f"endpoints: {{a: /r}}, {line}") == replace(settings, targets=(b"/r",))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("keep: 2 weeks", '"2 weeks" is not a duration; write 14d'),
        ("keep: 30 Days", '"30 Days" is not a duration; write 30d'),
        ("keep: forever", '"forever" is not a duration; write a number with its unit, as 30d or 12h'),
        ("keep: 401d", '"401d" is out of bounds for what is kept; write 1m to 400d'),
        ("keep: 59s", '"59s" is out of bounds for what is kept; write 1m to 400d'),
        ("keep: 0", '"0" is out of bounds for what is kept; write 1m to 400d'),
        ("max_groups: 10000001", '"10000001" groups are more than anybody looks at; write 10000000 or less'),
        ("max_body: 1023", '"1023" is out of bounds for a delivery of reports; write 1KiB to 4MiB'),
        ("max_body: 5MiB", '"5MiB" is out of bounds for a delivery of reports; write 1KiB to 4MiB'),
        ("rate: 0", '"0" is not a whole number from 1 on; write it in digits, as 10'),
        ("retention: 30d", '"retention" is not a key of `reporting`; write `keep`'),
        ("rate_limit: 30", '"rate_limit" is not a key of `reporting`; write `rate`'),
        ("storage: memory", '"storage" is not a key of `reporting`; write `store`'),
        ("endpoints: {a: /}", '"/" is the front page, which nobody could see then; write "/.well-known/xoproxy/reports"'),
    ],
)
def test_problem_says_what_to_write(line: str, problem: str) -> None:
    assert [each.message for each in problems_of(f"{HEAD}reporting: {{{line}}}\n")] == [problem]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("memory", "memory"),
        ("/reports.db", "/reports.db"),
        ("postgresql://db.example/reports", "postgresql://db.example/reports"),
        ("postgresql://u@db.example:5433/reports", "postgresql://db.example:5433/reports"),
        ("postgresql://u:secret@[::1]/reports?sslmode=require", "postgresql://[::1]/reports"),
        ("postgresql://u:%73ecret%40@db/reports", "postgresql://db/reports"),
        ("postgresql:///reports?host=/run/postgresql&password=secret", "postgresql:///reports"),
        ("postgresql://db.example/reports?password=se@cret", "postgresql://db.example/reports"),
    ],
)
def test_store_is_shown_without_what_is_secret(text: str, name: str) -> None:
    store = collecting.store(text)

    assert store.name == name
    assert store.kind is not StoreKind.POSTGRESQL or store.where == text
    assert text not in repr(store) or store.kind is StoreKind.MEMORY


POSTGRESQL = "write postgresql://USER:PASSWORD@HOST/DATABASE"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("postgres://u:secret@h/d", POSTGRESQL),
        ("postgresql+asyncpg://u:secret@h/d", "without the name of a driver"),
        ("postgresql://u:sec/ret@h/d", "user name and password percent-encoded"),
        ("postgresql://u:sec@ret@h/d", "user name and password percent-encoded"),
        ("postgresql://u:sec?ret@h/d", "user name and password percent-encoded"),
        ("postgresql://u:secret@h", POSTGRESQL),
        ("postgresql://u:secret@/d", POSTGRESQL),
        ("postgresql://u:secret@h:65536/d", POSTGRESQL),
        ("postgresql://u:secret@[.::1]/d", POSTGRESQL),
        ("mysql://u:secret@h/d", "this is no place for reports; write memory, an absolute path"),
        ("u:secret@h/d", "this is no place for reports"),
        (":memory:", "write memory"),
        ("sqlite:///:memory:", "write memory"),
        ("redis", '"redis" is no place for reports; write memory, an absolute path'),
        ("reports.db", '"reports.db" is no place for reports; write memory, an absolute path'),
        ("/var/lib/", '"/var/lib/" is no place for reports'),
    ],
)
def test_what_is_no_store_is_refused_without_repeating_a_password(text: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        collecting.store(text)

    assert hint in refused.value.message
    assert "ret" not in refused.value.message


@pytest.mark.parametrize("text", ["postgresql://user:hunter2@h/d?password=hunter2", "postgresql://user:hunter2@h"])
@pytest.mark.parametrize("written", ["{}", "${{STORE}}"])
def test_password_of_a_store_is_in_no_output(text: str, written: str) -> None:
    """Neither of what loads nor of what does not."""
    environ = {**NOTHING, "STORE": text}
    file = f"{HEAD}reporting: {{endpoints: {{a: /r}}, store: '{written.format(text)}'}}\n"
    shown = [*map(str, checked(file, environ))]
    if text.endswith("2") and "?" in text:
        loaded = compiled(file, environ=environ)
        shown += [
            json.dumps([besides_routes(loaded.generation), *routes_as_json(loaded.generation)]),
            repr(loaded.generation.settings),
            as_json(show(loaded)),
        ]

    assert "hunter2" not in " ".join(shown)


@pytest.mark.parametrize(
    ("reporting", "found"),
    [
        ("endpoints: {a: https://r.example/}, keep: 30d, rate: 10", ["XO339", "XO339"]),
        ("endpoints: {a: upstream}, store: memory", ["XO339"]),
        ("endpoints: {a: /r}, store: memory", []),
        ("endpoints: {a: upstream}", []),
    ],
)
def test_keys_about_what_is_collected_want_a_path(reporting: str, found: list[str]) -> None:
    text = f"{HEAD}policy: {{coop: same-origin, report_to: a}}\nreporting: {{{reporting}}}\n"

    assert [problem.id for problem in checked(text)] == found
