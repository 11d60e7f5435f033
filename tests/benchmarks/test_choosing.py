"""Which proxies are measured: what is found, what was asked for, and a sentence for what is left out."""

import sys
from pathlib import Path

import pytest

from benchmarks.choosing import AGAINST, COMPILED, Wishes, choose
from benchmarks.errors import MissingError
from benchmarks.proxies import PROXIES, Place, Proxy, Xoproxy

PLACE = Place(Path("/nowhere"), 1, 2)


@pytest.fixture
def _all_but_two_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all programs caddy and haproxy are missing; nothing is asked for its version."""

    def version(proxy: Proxy) -> str:
        if proxy.name in {"caddy", "haproxy"}:
            raise MissingError(f"{proxy.name} is not installed")
        return proxy.name

    for kind in {type(proxy) for proxy in PROXIES}:
        monkeypatch.setattr(kind, "version", version)


@pytest.mark.usefixtures("_all_but_two_are_found")
def test_what_is_not_found_is_told_and_left_out() -> None:
    choice = choose(Wishes())

    assert [proxy.name for proxy in choice.proxies] == [one.name for one in PROXIES if one.name not in {"caddy", "haproxy"}]
    assert choice.baseline == "nginx"
    assert choice.left_out == tuple(f"{name} is left out: {name} is not installed" for name in ("haproxy", "caddy"))


@pytest.mark.usefixtures("_all_but_two_are_found")
def test_what_was_asked_for_must_be_there() -> None:
    assert [proxy.name for proxy in choose(Wishes(["xoproxy"])).proxies] == ["nginx", "xoproxy"]
    with pytest.raises(MissingError, match="caddy"):
        choose(Wishes(["xoproxy", "caddy"]))


@pytest.mark.usefixtures("_all_but_two_are_found")
def test_another_version_is_what_ours_is_compared_to(tmp_path: Path) -> None:
    choice = choose(Wishes(against=tmp_path))

    assert [proxy.name for proxy in choice.proxies] == [AGAINST, "xoproxy"]
    assert choice.baseline == AGAINST
    assert choice.proxies[0].environment()["PYTHONPATH"].startswith(str(tmp_path))
    assert choice.proxies[0].command(PLACE)[0] == sys.executable


def test_compiled_build_is_measured_besides(tmp_path: Path) -> None:
    """If it is one: the figures would be those of another build."""
    (tmp_path / "xoproxy").mkdir()
    (tmp_path / "xoproxy" / "__init__.py").write_text("__version__ = '9.9'\n", encoding="utf-8")
    wishes = Wishes(["xoproxy"], compiled=tmp_path)

    with pytest.raises(MissingError, match="nothing of its xoproxy is compiled"):
        choose(wishes)
    (tmp_path / "xoproxy" / "heads.so").touch()
    assert [proxy.name for proxy in choose(wishes).proxies] == ["nginx", "xoproxy", COMPILED]


def test_a_start_need_not_compile_what_was_compiled_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has its compiled modules, and what is started once here keeps them, whatever this process may."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert "PYTHONDONTWRITEBYTECODE" not in Xoproxy("xoproxy").environment()


def test_tree_is_imported_from_where_it_is(tmp_path: Path) -> None:
    """Not from the working directory, whose package has the same name."""
    (tmp_path / "xoproxy").mkdir()
    (tmp_path / "xoproxy" / "__init__.py").write_text("__version__ = '9.9'\n", encoding="utf-8")

    assert Xoproxy("other", build=tmp_path).version().startswith("other 9.9 (pure) cpython 3.")
    (tmp_path / "xoproxy" / "heads.so").touch()
    assert "(1 modules compiled)" in Xoproxy("other", build=tmp_path).version()


def test_interpreter_is_asked_for_what_is_installed_there(tmp_path: Path) -> None:
    """What is on PYTHONPATH is not what is installed."""
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\necho "7.7 $1 [$PYTHONPATH]"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    other = Xoproxy("other", build=interpreter)

    assert other.version() == "other 7.7 -P []"
    assert other.command(PLACE)[:4] == [str(interpreter), "-P", "-m", "xoproxy"]


@pytest.mark.parametrize("content", ["", "#!/bin/sh\necho no xoproxy here >&2\nexit 1\n"])
def test_build_that_has_no_xoproxy_is_named(tmp_path: Path, content: str) -> None:
    build = tmp_path / "python"
    if content:
        build.write_text(content, encoding="utf-8")
        build.chmod(0o755)

    with pytest.raises(MissingError, match=str(build)):
        Xoproxy("other", build=build).version()
