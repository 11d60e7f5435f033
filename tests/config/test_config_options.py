"""Options over a file, and options alone."""

from datetime import date

import pytest
from support.configs import HEAD, compiled, compiled_options, problems_of

from xoproxy.config import ConfigInvalid, Overrides, load
from xoproxy.config.settings import TcpAddress
from xoproxy.policy.model import ANY, Cors, EmbedderPolicy


def test_options_alone_are_a_configuration() -> None:
    loaded = load(
        None, Overrides(upstream="http://localhost:5000", policy="isolated"), environ={}, today=date(2026, 11, 21), number=1
    )
    (draft,) = loaded.routes

    assert loaded.generation.source == "options"
    assert [str(listener.address) for listener in loaded.generation.settings.listeners] == ["127.0.0.1:8080"]
    assert loaded.generation.settings.admin == TcpAddress("127.0.0.1", 9464)
    assert (draft.route.name, draft.route.policy_name, draft.route.upstream) == ("default", "isolated", "http://localhost:5000")
    assert draft.route.policy.coep is not None


def test_options_without_an_upstream_say_which_option_is_missing() -> None:
    with pytest.raises(ConfigInvalid, match=r"^options: XO204 error: .*--upstream http://localhost:5000"):
        compiled_options(Overrides(policy="isolated"))


def test_file_without_listen_is_served_on_every_interface() -> None:
    (listener,) = compiled(HEAD).generation.settings.listeners

    assert listener.address == TcpAddress("", 8080)


def test_options_replace_the_keys_of_the_file() -> None:
    text = HEAD + "listen: ':80'\nadmin: off\npolicy: isolated\n"
    loaded = compiled(
        text, Overrides(listen=(":81", "[::1]:82"), upstream="http://other", policy="untouched", admin="[::1]:9000")
    )
    settings = loaded.generation.settings

    assert [str(listener.address) for listener in settings.listeners] == [":81", "[::1]:82"]
    assert [upstream.name for upstream in settings.upstreams] == ["http://other"]
    assert str(settings.admin) == "[::1]:9000"
    assert loaded.routes[0].route.policy_name == "untouched"


def test_admin_can_be_turned_off_by_option() -> None:
    assert compiled(HEAD, Overrides(admin="off")).generation.settings.admin is None


@pytest.mark.parametrize(
    ("text", "overrides", "name", "isolated"),
    [
        pytest.param("", Overrides(), "{cors}", False, id="no-policy"),
        pytest.param("policy: isolated\n", Overrides(), "isolated + {cors}", True, id="name-in-file"),
        pytest.param("policy: {coep: require-corp}\n", Overrides(), "{coep} + {cors}", True, id="mapping-in-file"),
        pytest.param("policy: [untouched, isolated]\n", Overrides(), "untouched + isolated + {cors}", True, id="list-in-file"),
        pytest.param("policy: untouched\n", Overrides(policy="isolated"), "isolated + {cors}", True, id="option"),
    ],
)
def test_allowed_origins_are_composed_onto_the_default_policy(
    text: str, overrides: Overrides, name: str, *, isolated: bool
) -> None:
    given = Overrides(policy=overrides.policy, allow_origins=("https://a.example", "http://localhost:*"))
    route = compiled(HEAD + text, given).routes[0].route

    assert route.policy_name == name
    assert (route.policy.coep is not None and route.policy.coep.value is EmbedderPolicy.REQUIRE_CORP) is isolated  # type: ignore[union-attr]
    assert isinstance(route.policy.cors, Cors)
    assert [pattern.text() for pattern in route.policy.cors.allow_origins] == ["https://a.example", "http://localhost:*"]  # type: ignore[union-attr]
    assert route.policy.cors.allow_methods == (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE")
    assert route.policy.cors.allow_headers is ANY


def test_any_origin_can_be_allowed_by_option() -> None:
    cors = compiled(HEAD, Overrides(allow_origins=("*",))).routes[0].route.policy.cors

    assert isinstance(cors, Cors)
    assert cors.allow_origins is ANY


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        pytest.param(Overrides(listen=("nowhere",)), "--listen: XO201", id="listen"),
        pytest.param(Overrides(upstream="app:5000"), "--upstream: XO202", id="upstream"),
        pytest.param(Overrides(policy="isolatd"), "--policy: XO119", id="policy"),
        pytest.param(Overrides(allow_origins=("https://a.example/",)), "--allow-origin: XO103", id="allow-origin"),
        pytest.param(Overrides(admin=":9464"), "--admin: XO211", id="admin"),
        pytest.param(Overrides(policy="${NAME:-isolated}"), "--policy: XO119", id="no-expansion"),
    ],
)
def test_problem_of_an_option_names_the_option(overrides: Overrides, told: str) -> None:
    (problem,) = problems_of(HEAD, overrides)

    assert str(problem).startswith(told + " error: ")


def test_digest_is_of_text_and_options() -> None:
    same = compiled(HEAD).generation.digest

    assert same == compiled(HEAD).generation.digest
    assert len({same, compiled(HEAD + "\n").generation.digest, compiled(HEAD, Overrides(admin="off")).generation.digest}) == 3
