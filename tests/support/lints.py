"""What linting says of a policy, or of a file, in tests."""

from textwrap import indent

from support.configs import HEAD, checked

REPORTS = "reporting: {endpoints: {reports: https://reports.example/in}}\n"


def lints(text: str) -> list[str]:
    """Return the identifiers of what `check` says of a text below `HEAD`, each once, in the order of the file."""
    return list(dict.fromkeys(problem.id for problem in checked(HEAD + text)))


def lints_of_policy(policy: str, match: str = "{}") -> list[str]:
    """Return them for one route with a policy; `reports` is an endpoint if the policy uses it."""
    endpoints = REPORTS if "reports" in policy else ""
    return lints(f"{endpoints}listen: unix:/run/x.sock\nroutes:\n- match: {match}\n  policy:\n{indent(policy, '    ')}\n")
