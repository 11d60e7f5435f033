"""What a run of policy tests found: for people, and as JUnit XML for what collects test results."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from xoproxy.config.problems import printable
from xoproxy.insight.testing.cases import Case, Suite
from xoproxy.insight.testing.coverage import Coverage, Untouched
from xoproxy.insight.testing.running import Result
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """The results of one file of tests.  `explained`: why each failed case is as it is, in the order of the failures."""

    file: Suite
    results: tuple[Result, ...]
    coverage: Coverage
    explained: tuple[str, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results that are not as expected."""
        return tuple(result for result in self.results if not result.passed)


def as_text(runs: Sequence[Run]) -> str:
    """Return what failed and why, how many there were, and what no test touches."""
    lines: list[str] = []
    for run in runs:
        for result, explained in zip(run.failed, run.explained, strict=True):
            lines += [*_failure(result), *(f"    {line}" for line in explained.splitlines()), ""]
    for run in runs:
        lines += _summary(run)
    return "\n".join(lines) + "\n"


def _failure(result: Result) -> list[str]:
    mark = result.case.place.mark
    where = f"{mark.source}:{mark.line}:{mark.column}: {title(result.case)}"
    return [printable(where), *(printable(f"  {failure}") for failure in result.failures)]


def title(case: Case) -> str:
    """Return the name of a case: that of its test, with page and browser."""
    who = case.asker.url if case.asker.is_own else case.asker.origin.decode("ascii")
    return f"{case.name} [{who}, {case.engine.value}]"


def _summary(run: Run) -> list[str]:
    failed, tests = len(run.failed), len({result.case.name for result in run.results})
    outcome = f"{failed} failed" if failed else "all passed"
    said = f"{run.file.source}: {_counted(tests, 'test')}, {_counted(len(run.results), 'case')}, {outcome}"
    covered = run.coverage
    touched = covered.routes - len(covered.untouched_routes)
    keys = covered.keys - len(covered.untouched_keys)
    of_keys = f", {keys} of {_counted(covered.keys, 'policy key')}" if covered.keys else ""  # presets have none in the file
    lines = [said, f"  touched: {touched} of {_counted(covered.routes, 'route')}{of_keys}"]
    lines += [f"  no test touches {_named(each)}" for each in covered.untouched_routes]
    lines += [f"  no test touches {_named(each)}" for each in covered.untouched_keys]
    return lines


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _named(untouched: Untouched) -> str:
    mark = untouched.mark
    return f"{untouched.name} ({mark.source}:{mark.line})" if mark.line else untouched.name


def as_junit(runs: Iterable[Run]) -> str:
    """Return JUnit XML: one suite per file, one case per page and browser."""
    root = ET.Element("testsuites", name="xoproxy")
    for run in runs:
        suite = ET.SubElement(
            root,
            "testsuite",
            name=run.file.source,
            tests=str(len(run.results)),
            failures=str(len(run.failed)),
            errors="0",
            skipped="0",
        )
        explained = iter(run.explained)
        for result in run.results:
            mark = result.case.place.mark
            case = ET.SubElement(
                suite,
                "testcase",
                name=_xml(title(result.case)),
                classname=run.file.source,
                file=mark.source,
                line=str(mark.line),
            )
            if not result.passed:
                failure = ET.SubElement(case, "failure", message=_xml("; ".join(result.failures)), type="expectation")
                failure.text = _xml(next(explained))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Return the text without the characters that XML cannot hold.  (XML 1.0 §2.2)"""
    return "\n".join(printable(line) for line in text.splitlines())
