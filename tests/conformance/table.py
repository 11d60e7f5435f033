"""All cases, in the order of the report."""

from conformance.cases_lengths import LENGTHS
from conformance.model import Case

CASES: tuple[Case, ...] = (*LENGTHS,)
