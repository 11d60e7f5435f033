"""`xoproxy test`: run policy tests.  No network: what a browser would do is concluded."""

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from xoproxy.cli.files import DEFAULT_FILES, default_file, named_file
from xoproxy.cli.parser import EXIT_FAILED, EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, Loaded, Overrides, load, read_text
from xoproxy.config.render import as_text as problems_as_text
from xoproxy.insight.testing import Suite, read_tests, run_cases
from xoproxy.insight.testing.coverage import coverage
from xoproxy.insight.testing.explaining import explained
from xoproxy.insight.testing.telling import Run, as_junit, as_text


def run(args: argparse.Namespace) -> int:
    """Run the tests of the files.  Returns the exit code."""
    today = datetime.now(UTC).date()
    policies = _Policies(args.config, os.environ, today)
    runs: list[Run] = []
    is_valid = True
    for name in args.files:
        try:
            runs.append(_run_file(Path(name), policies, today))
        except ConfigInvalid as invalid:
            print(problems_as_text(invalid.problems), end="", file=sys.stderr)
            is_valid = False
        except _NoPolicyFileError as exc:
            print(f"xoproxy: error: {exc}", file=sys.stderr)
            is_valid = False
    if runs:
        print(as_text(runs), end="")
    if args.junit is not None and not _write(Path(args.junit), as_junit(runs)):
        return EXIT_FAILED
    if not is_valid:
        return EXIT_INVALID
    return EXIT_FINDINGS if any(each.failed for each in runs) else EXIT_FINE


def _run_file(path: Path, policies: "_Policies", today: date) -> Run:
    file = read_tests(read_text(path), str(path), os.environ, today)
    loaded = policies.of(file)
    results = tuple(run_cases(loaded, file.cases, file.hosts))
    failed = tuple(explained(loaded, result) for result in results if not result.passed)
    return Run(file, results, coverage(loaded, results), failed)


class _NoPolicyFileError(Exception):
    """Nothing says which policy file is tested."""


class _Policies:
    """The policy files that the tests are about, each loaded once."""

    def __init__(self, option: str | None, environ: Mapping[str, str], today: date) -> None:
        self._option = option
        self._environ = environ
        self._today = today
        self._loaded: dict[Path, Loaded] = {}

    def of(self, file: Suite) -> Loaded:
        """Load the policy file of a file of tests: the one of the option, else the one it names, else the default one.

        Raises: `ConfigInvalid`, `_NoPolicyFileError`.
        """
        own = Path(file.source).parent / file.config if file.config is not None and self._option is None else None
        path = own or named_file(self._option, self._environ) or default_file()
        if path is None:
            tried = ", ".join(str(each) for each in DEFAULT_FILES)
            raise _NoPolicyFileError(
                f"{file.source}: it is not said which policy file is tested, and none of {tried} exists; "
                "write config: FILE at the top of the tests, or give -c FILE"
            )
        if path not in self._loaded:
            self._loaded[path] = load(path, Overrides(), environ=self._environ, today=self._today, number=1)
        return self._loaded[path]


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text, "utf-8")
    except OSError as exc:
        print(f"xoproxy: error: {path} cannot be written: {exc.strerror or exc}", file=sys.stderr)
        return False
    return True
