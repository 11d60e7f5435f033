"""Response fields under `headers`."""

import pytest
from support.lints import lints_of_policy

CSP = 'headers: {set: {Content-Security-Policy: "%s"}}'


@pytest.mark.parametrize(
    ("coop", "value", "found"),
    [
        ("coop: same-origin", "sandbox", ["XO305"]),
        ("coop: same-origin-allow-popups", "default-src 'self'; sandbox allow-scripts allow-same-origin", ["XO305"]),
        ("coop: noopener-allow-popups", "default-src x;SANDBOX", ["XO305"]),
        ("coop: unsafe-none", "sandbox", []),
        ("coop: off", "sandbox", []),
        ("observe: {coop: same-origin}\nreport_to: reports", "sandbox", []),
        ("coop: same-origin", "sandboxed x; frame-src sandbox", []),
        ("corp: same-origin", "sandbox", []),
    ],
)
def test_opener_policy_and_sandbox_exclude_each_other(coop: str, value: str, found: list[str]) -> None:
    """HTML, "obtain a cross-origin opener policy": a network error; a CSP that only reports does nothing."""
    assert lints_of_policy(f"{coop}\n{CSP % value}") == found
    assert lints_of_policy(f"{coop}\n{CSP % value}".replace("Policy:", "Policy-Report-Only:")) == []


@pytest.mark.parametrize(
    "name",
    [
        "Report-To",
        "feature-policy",
        "Expect-CT",
        "Public-Key-Pins",
        "Public-Key-Pins-Report-Only",
        "X-XSS-Protection",
        "X-Content-Security-Policy",
        "X-WebKit-CSP",
        "P3P",
    ],
)
def test_field_that_browsers_dropped(name: str) -> None:
    assert lints_of_policy(f"headers: {{set: {{{name}: x}}}}") == ["XO327"]
    assert lints_of_policy(f"headers: {{add: {{{name}: x}}}}") == ["XO327"]
    assert lints_of_policy(f"headers: {{remove: [{name}]}}") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [("DENY", []), ("sameorigin", []), ("ALLOW-FROM https://a.example", ["XO328"]), ("ALLOWALL", ["XO328"])],
)
def test_frame_options_have_two_values(value: str, found: list[str]) -> None:
    """HTML §7.1.5: any other is ignored."""
    assert lints_of_policy(f"headers: {{set: {{x-frame-options: '{value}'}}}}") == found
