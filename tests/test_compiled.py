"""The compiled build: all of it is compiled or nothing, and every process that the tests start is the same build."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import xoproxy.compiled
from xoproxy import __version__
from xoproxy.compiled import is_compiled, version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MODULES: list[str] = PROJECT["tool"]["hatch"]["build"]["hooks"]["custom"]["modules"]


def test_the_tests_run_on_the_build_that_they_are_meant_for() -> None:
    """`EXPECT_COMPILED=1` says that it is the compiled one: the sources, found first, would pass all tests too."""
    assert is_compiled() or not os.environ.get("EXPECT_COMPILED")


@pytest.mark.parametrize("name", MODULES)
def test_what_is_to_be_compiled_is_compiled_or_none_of_it(name: str) -> None:
    file = importlib.import_module(name).__file__

    assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()
    assert file is not None
    assert file.endswith(".py") is not is_compiled()


def test_a_process_that_the_tests_start_is_the_same_build() -> None:
    said = subprocess.run([sys.executable, "-m", "xoproxy", "version"], capture_output=True, text=True, check=True)

    assert said.stdout == f"xoproxy {version()}\n"


@pytest.mark.parametrize(("compiled", "told"), [(True, f"{__version__}, compiled"), (False, __version__)])
def test_the_version_tells_whether_modules_are_compiled(compiled: bool, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xoproxy.compiled, "is_compiled", lambda: compiled)

    assert version() == told
