"""What the proxies that are programs of ours, on top of some library, are told: a file with the policy, ready to be sent."""

import json
from pathlib import Path
from typing import Final

from benchmarks.policy import OWNED_FIELDS, PREFLIGHT_VARY, VARY, Policy
from benchmarks.proxies.proxy import Place

SCRIPTS: Final = Path(__file__).parent / "scripts"


def settings(place: Place, policy: Policy) -> str:
    """Return the file's text."""
    values = {
        "port": place.port,
        "tls_port": place.tls_port,
        "certificate": str(place.certificate),
        "backend_port": place.backend_port,
        "access_log": str(access_log(place)),
        "origin": policy.origin,
        "always": policy.always,
        "granted": policy.granted,
        "preflight": policy.preflight,
        "owned": [name.lower() for name in OWNED_FIELDS],
        "vary": ", ".join(VARY),
        "preflight_vary": ", ".join(PREFLIGHT_VARY),
    }
    return json.dumps(values, indent=1) + "\n"


def settings_file(place: Place) -> Path:
    """Return where it is."""
    return place.directory / "settings.json"


def access_log(place: Place) -> Path:
    """Return where such a proxy logs."""
    return place.directory / "access.log"
