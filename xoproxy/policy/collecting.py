"""How a path answers where browsers' reports are collected.  (Reporting API §3.5.2, "attempt to deliver reports to endpoint")

Reports are for whoever runs this proxy, so any page may send them here, of whatever origin.  Where the page's origin is another
than the endpoint's, browsers send a CORS request, with a preflight for its media type.  Nothing can be read here but whether
the reports were taken.
"""

from dataclasses import replace
from typing import Final

from xoproxy.policy.model import ANY, Cors, FieldEdits, Policy, ReportingEndpoints, ResourcePolicy
from xoproxy.policy.rule import Rule

PREFLIGHT_MAX_AGE_S: Final = 7200  # the most that Chromium remembers

_POLICY: Final = Policy(
    corp=ResourcePolicy.CROSS_ORIGIN,
    cors=Cors(ANY, allow_methods=(b"POST",), allow_headers=(b"content-type",), max_age_s=PREFLIGHT_MAX_AGE_S),
)
# For POST, and preflights.
DELIVERIES: Final = Rule(_POLICY, ReportingEndpoints())
# For requests that neither deliver nor ask whether they may.
OTHERS: Final = Rule(replace(_POLICY, fields=FieldEdits(set=((b"Allow", b"POST, OPTIONS"),))), ReportingEndpoints())
