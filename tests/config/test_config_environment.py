"""References to the environment in values."""

import pytest
from support.configs import HEAD, compiled

from xoproxy.config.environment import expand
from xoproxy.config.problems import Refused


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("plain $ {} $A ${", None, id="open"),
        pytest.param("a$b", "a$b", id="no-reference"),
        pytest.param("${A}", "one", id="whole"),
        pytest.param("http://${A}:${B}/", "http://one:two/", id="several"),
        pytest.param("${NONE:-x}", "x", id="default"),
        pytest.param("${NONE:-}", "", id="empty-default"),
        pytest.param("${EMPTY:-x}", "x", id="default-for-empty"),
        pytest.param("${EMPTY}", "", id="empty"),
        pytest.param("${A:-x}", "one", id="default-not-needed"),
        pytest.param("${NONE:-a:-b}", "a:-b", id="dash-in-default"),
        pytest.param("${NONE}", None, id="undefined"),
        pytest.param("$${A}", "${A}", id="escaped"),
        pytest.param("$$${A}", "$${A}", id="escaped-after-dollar"),
        pytest.param("${NEST}", "${A}", id="not-twice"),
        pytest.param("${}", None, id="no-name"),
        pytest.param("${1A}", None, id="digit-first"),
        pytest.param("${A-x}", None, id="other-shell-form"),
    ],
)
def test_references_are_filled_in_once(text: str, expanded: str | None) -> None:
    environ = {"A": "one", "B": "two", "EMPTY": "", "NEST": "${A}"}
    if expanded is None:
        with pytest.raises(Refused):
            expand(text, environ)
    else:
        assert expand(text, environ) == expanded


def test_values_come_from_the_environment_that_is_given() -> None:
    policies = "policies: {a: {cors: {allow_origins: '${O:-*}'}, coop: '${C}'}}\n"
    text = "version: ${V:-1}\nupstream: ${UP}\npolicy: ['${P}']\n" + policies
    loaded = compiled(text, environ={"UP": "http://a:1", "P": "a", "C": "off"})

    assert loaded.generation.settings.upstreams[0].name == "http://a:1"
    assert loaded.routes[0].route.policy_name == "a"
    assert loaded.routes[0].route.policy.coop is not None


def test_admin_token_in_the_environment_opens_the_admin_endpoint() -> None:
    loaded = compiled(HEAD + "admin: ':9464'\n", environ={"XOPROXY_ADMIN_TOKEN": "secret"})

    assert str(loaded.generation.settings.admin) == ":9464"
