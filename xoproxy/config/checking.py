"""Everything there is to say about a configuration, as `xoproxy check` says it.  Nothing takes effect."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from xoproxy.config.lint import lint
from xoproxy.config.loading import load
from xoproxy.config.options import Overrides
from xoproxy.config.problems import ConfigInvalid, Problem, Severity
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Findings:
    """The problems of a configuration, in the order of the file."""

    problems: tuple[Problem, ...]

    def exit_code(self, *, strict: bool) -> int:
        """Return the command's exit code: 2 with errors; 1 with warnings, if they count; else 0.  (Design section 5)"""
        if any(problem.severity is Severity.ERROR for problem in self.problems):
            return 2
        return 1 if self.problems and strict else 0


def check(source: Path | None, overrides: Overrides, *, environ: Mapping[str, str], today: date) -> Findings:
    """Check a file, or options alone: whether it loads, and if so what else there is to say."""
    try:
        return Findings(lint(load(source, overrides, environ=environ, today=today, number=1)))
    except ConfigInvalid as invalid:
        return Findings(invalid.problems)
