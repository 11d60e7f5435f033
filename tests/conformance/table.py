"""All cases, in the order of the report."""

from conformance.cases_chunks import CHUNKS
from conformance.cases_codings import CODINGS
from conformance.cases_connections import CONNECTIONS, EXPECTATIONS, SAID, UPGRADES
from conformance.cases_hosts import ABSOLUTE, HOSTS
from conformance.cases_lengths import LENGTHS
from conformance.cases_limits import LIMITS, PATHS, PIPELINES
from conformance.cases_lines import CONTROLS, FIELD_LINES, LINE_ENDS
from conformance.cases_others_fall import OTHERS_FALL
from conformance.cases_request_lines import METHODS, REQUEST_LINES, VERSIONS
from conformance.model import Case
from conformance.scenarios import SCENARIOS, Scenario

CASES: tuple[Case, ...] = (
    *LENGTHS,
    *CODINGS,
    *CHUNKS,
    *LINE_ENDS,
    *FIELD_LINES,
    *CONTROLS,
    *REQUEST_LINES,
    *VERSIONS,
    *METHODS,
    *HOSTS,
    *ABSOLUTE,
    *PATHS,
    *CONNECTIONS,
    *UPGRADES,
    *EXPECTATIONS,
    *SAID,
    *LIMITS,
    *PIPELINES,
    *OTHERS_FALL,
)
ROWS: tuple[Case | Scenario, ...] = (*CASES, *SCENARIOS)
