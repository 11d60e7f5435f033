"""Compile configurations in tests, with a fixed day and an environment of the test's own."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from xoproxy.config import FROM_OPTIONS, ConfigInvalid, Loaded, Overrides, Problem, compile_text, compile_texts
from xoproxy.config.lint import lint
from xoproxy.policy.model import Policy

TODAY = date(2026, 11, 21)
SOURCE = "xoproxy.yaml"
HEAD = "version: 1\nupstream: http://app:5000\n"
NO_OPTIONS = Overrides()
NOTHING: Mapping[str, str] = MappingProxyType({})


def compiled(text: str, overrides: Overrides = NO_OPTIONS, environ: Mapping[str, str] = NOTHING) -> Loaded:
    """Compile a text that is valid."""
    return compile_text(text, SOURCE, overrides, environ=environ, today=TODAY, number=1)


def compiled_options(overrides: Overrides, environ: Mapping[str, str] = NOTHING) -> Loaded:
    """Compile options that are valid."""
    return compile_texts(FROM_OPTIONS, overrides, environ=environ, today=TODAY, number=1)


def problems_of(text: str, overrides: Overrides = NO_OPTIONS, environ: Mapping[str, str] = NOTHING) -> tuple[Problem, ...]:
    """Compile a text and return every problem, warnings too."""
    try:
        return compiled(text, overrides, environ).warnings
    except ConfigInvalid as invalid:
        return invalid.problems


def checked(text: str, environ: Mapping[str, str] = NOTHING) -> tuple[Problem, ...]:
    """Return what `check` says of a text: every problem, and what linting finds."""
    try:
        return lint(compiled(text, environ=environ))
    except ConfigInvalid as invalid:
        return invalid.problems


def policy_of(text: str, route: int = 0) -> Policy:
    """Return the policy of a route of a text below `HEAD`."""
    return compiled(HEAD + text).routes[route].route.policy
