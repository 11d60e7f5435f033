"""Find the programs that are measured and that measure.  Nothing is installed from here."""

import os
import shutil
from typing import Final

from benchmarks.errors import MissingError

# Tool to the Debian package that brings it.
PACKAGES: Final = {
    "nginx": "nginx-light",
    "wrk": "wrk",
    "haproxy": "haproxy",
    "caddy": "caddy",
    "apache2": "apache2",
    "node": "nodejs",
    "mitmdump": "mitmproxy",
    "openssl": "openssl",
}

# Debian's PATH for people leaves out the directories where servers are.
_MORE_DIRECTORIES: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find(tool: str) -> str:
    """Return the path of a program.

    Raises:
        MissingError: it is not there.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_DIRECTORIES))
    found = shutil.which(tool, path=path)
    if found is None:
        raise MissingError(f"{tool} is not installed; it is in Debian's package {PACKAGES[tool]}")
    return found
