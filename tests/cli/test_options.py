"""Which configuration a command means: option, then environment, then file, then default."""

import argparse
from pathlib import Path

import pytest

from xoproxy.cli.files import DEFAULT_FILES
from xoproxy.cli.options import Chosen, UsageError, choose, is_watching
from xoproxy.cli.parser import make_parser
from xoproxy.config import Overrides

UPSTREAM = {"XOPROXY_UPSTREAM": "http://env:1"}


def run_args(*arguments: str) -> argparse.Namespace:
    """Parse the options of `run`."""
    return make_parser(None).parse_args(["run", *arguments])


@pytest.mark.parametrize(
    ("arguments", "environ", "overrides"),
    [
        pytest.param([], {}, Overrides(), id="nothing"),
        pytest.param(["--listen", ":1", "--listen", ":2"], {}, Overrides(listen=(":1", ":2")), id="listen-option"),
        pytest.param([], {"XOPROXY_LISTEN": ":1, :2 :3"}, Overrides(listen=(":1", ":2", ":3")), id="listen-environment"),
        pytest.param(["--listen", ":1"], {"XOPROXY_LISTEN": ":2"}, Overrides(listen=(":1",)), id="listen-both"),
        pytest.param(["--upstream", "http://a:1"], UPSTREAM, Overrides(upstream="http://a:1"), id="upstream-both"),
        pytest.param([], UPSTREAM, Overrides(upstream="http://env:1"), id="upstream-environment"),
        pytest.param(["--policy", "isolated"], {"XOPROXY_POLICY": "untouched"}, Overrides(policy="isolated"), id="policy-both"),
        pytest.param([], {"XOPROXY_POLICY": " untouched "}, Overrides(policy="untouched"), id="policy-environment"),
        pytest.param(["--admin", "off"], {"XOPROXY_ADMIN": ":1"}, Overrides(admin="off"), id="admin-both"),
        pytest.param([], {"XOPROXY_ADMIN": "off"}, Overrides(admin="off"), id="admin-environment"),
        pytest.param(
            ["--allow-origin", "https://a.example"],
            {"XOPROXY_ALLOW_ORIGIN": "https://b.example"},
            Overrides(allow_origins=("https://a.example",)),
            id="origins-both",
        ),
        pytest.param(
            [],
            {"XOPROXY_ALLOW_ORIGIN": "https://a.example,https://b.example\nhttps://c.example"},
            Overrides(allow_origins=("https://a.example", "https://b.example", "https://c.example")),
            id="origins-environment",
        ),
        pytest.param([], {"XOPROXY_ADMIN": "", "XOPROXY_LISTEN": " ", "XOPROXY_POLICY": ""}, Overrides(), id="empty-is-unset"),
        pytest.param(["--policy", ""], {"XOPROXY_POLICY": "isolated"}, Overrides(policy=""), id="empty-option-is-given"),
    ],
)
def test_option_goes_before_environment(arguments: list[str], environ: dict[str, str], overrides: Overrides) -> None:
    assert choose(run_args("-c", "x.yaml", *arguments), environ) == Chosen(Path("x.yaml"), overrides)


@pytest.mark.parametrize(
    ("arguments", "environ", "existing", "found"),
    [
        pytest.param(["-c", "a"], {"XOPROXY_CONFIG": "b"}, ["first"], "a", id="option"),
        pytest.param([], {"XOPROXY_CONFIG": "b"}, ["first"], "b", id="environment"),
        pytest.param([], {"XOPROXY_CONFIG": ""}, ["first", "second"], "first", id="first-default"),
        pytest.param([], {}, ["second"], "second", id="second-default"),
        pytest.param(["--upstream", "http://a:1"], {}, ["first"], None, id="upstream-option-alone"),
        pytest.param([], UPSTREAM, ["first"], None, id="upstream-environment-alone"),
        pytest.param(["--upstream", "http://a:1", "-c", "a"], {}, [], "a", id="upstream-over-a-file"),
        pytest.param(
            ["--upstream", "http://a:1"], {"XOPROXY_CONFIG": "b"}, [], "b", id="upstream-over-a-file-of-the-environment"
        ),
    ],
)
def test_file_is_the_named_one_or_the_first_default_unless_an_upstream_is_enough(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], existing: list[str], found: str | None
) -> None:
    for name in existing:
        (tmp_path / name).touch()
    chosen = choose(run_args(*arguments), environ, (tmp_path / "first", tmp_path / "second"))

    expected = None if found is None else tmp_path / found if found in existing else Path(found)
    assert chosen.path == expected


def test_nothing_found_names_what_was_tried_and_the_ways_on() -> None:
    with pytest.raises(UsageError) as caught:
        choose(run_args(), {}, (Path("/no/first"), Path("/no/second")))

    for part in ("-c FILE", "$XOPROXY_CONFIG", "/no/first", "/no/second", "--upstream URL"):
        assert part in str(caught.value)


def test_default_files_are_those_of_the_contract() -> None:
    assert [str(path) for path in DEFAULT_FILES] == ["/etc/xoproxy/xoproxy.yaml", "config/xoproxy.yaml"]


@pytest.mark.parametrize(
    ("arguments", "value", "watching"),
    [
        ([], None, True),
        ([], "", True),
        ([], "0", True),
        ([], "False", True),
        ([], "1", False),
        ([], "Yes", False),
        (["--no-watch"], "0", False),
    ],
)
def test_watching_is_declined_by_option_or_environment(arguments: list[str], value: str | None, watching: bool) -> None:
    environ = {} if value is None else {"XOPROXY_NO_WATCH": value}

    assert is_watching(run_args(*arguments), environ) is watching


def test_unclear_wish_not_to_watch_is_refused() -> None:
    with pytest.raises(UsageError, match="XOPROXY_NO_WATCH is 'maybe'; write 1 or 0"):
        is_watching(run_args(), {"XOPROXY_NO_WATCH": "maybe"})
