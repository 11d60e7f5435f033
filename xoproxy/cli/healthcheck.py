"""`xoproxy healthcheck`: ask the admin endpoint of a running xoproxy on this machine.

Container engines run it every few seconds, so it imports next to nothing.  A file that is broken must not make it fail, because
the service goes on with the last good one: only the `admin` key is looked for, as text.
"""

import argparse
import json
import os
import re
import socket
import sys
from collections.abc import Mapping
from typing import Final

from xoproxy.cli.files import DEFAULT_FILES, default_file, files_of, named_file, variable
from xoproxy.cli.parser import EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID

DEFAULT_ADMIN: Final = "127.0.0.1:9464"  # as in config.sections; a test compares them
OFF: Final = "off"

_URL: Final = re.compile(r"http://([^/?#@]+)(/[!-~]*)?")
_HOST_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]*)):([0-9]{1,5})")
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SCALAR: Final = r"""(?:"([^"\n]*)"|'([^'\n]*)'|((?:\$\{[^}\n]*\}|[^\s#,{}"'])(?:\$\{[^}\n]*\}|[^\s#,{}])*))"""
_ADMIN_VALUE: Final = re.compile(rf"^[\"']?admin[\"']?:[ \t]+{_SCALAR}", re.MULTILINE)
_ADMIN_ADDRESS: Final = re.compile(
    rf"^[\"']?admin[\"']?:[ \t]*(?:#[^\n]*)?(?:\{{[^}}\n]*?|\n(?:[ \t]+[^\n]*\n|[ \t]*\n)*?[ \t]+)\baddress:[ \t]+{_SCALAR}",
    re.MULTILINE,
)


class Unreachable(Exception):  # noqa: N818  what it says is the answer
    """The endpoint could not be asked.  Its text says why."""


def run(args: argparse.Namespace) -> int:
    """Ask once.  Returns 0 if the answer is 200, else 1."""
    if args.url is not None:
        url = _URL.fullmatch(args.url)
        if url is None:
            print(f"xoproxy: error: --url {args.url!r} is not a URL; write http://127.0.0.1:9464/-/healthy", file=sys.stderr)
            return EXIT_INVALID
        address, path = url[1] if ":" in url[1] else f"{url[1]}:80", url[2] or "/-/healthy"
    else:
        address, path = find_admin(args.admin, args.config, os.environ), "/-/healthy"
    if address == OFF:
        print("xoproxy: the admin endpoint is off, so there is nothing to ask; remove `admin: off`", file=sys.stderr)
        return EXIT_FINDINGS
    try:
        status = ask(address, path, args.timeout)
    except Unreachable as exc:
        print(f"xoproxy: {exc}", file=sys.stderr)
        return EXIT_FINDINGS
    print(f"{address} answers {status}")
    return EXIT_FINE if status == 200 else EXIT_FINDINGS


def find_admin(option: str | None, config: str | None, environ: Mapping[str, str]) -> str:
    """Return the admin endpoint's address, or "off": option, environment, file, default."""
    given = option or variable(environ, "ADMIN")
    if given is not None:
        return given
    path = named_file(config, environ)
    if path is None and variable(environ, "UPSTREAM") is None:
        path = default_file(DEFAULT_FILES)
    if path is None:
        return DEFAULT_ADMIN
    try:
        found = [admin_in(file.read_text(encoding="utf-8", errors="replace"), environ) for file in files_of(path)]
    except (OSError, ValueError):
        return DEFAULT_ADMIN  # what serves may have been started with a file that is gone by now
    return next((address for address in found if address != DEFAULT_ADMIN), DEFAULT_ADMIN)


def admin_in(text: str, environ: Mapping[str, str]) -> str:
    """Return what the text of a policy file says under `admin`."""
    if text.startswith("{"):
        return _admin_in_json(text)
    found = _ADMIN_VALUE.search(text) or _ADMIN_ADDRESS.search(text)
    if found is None:
        return DEFAULT_ADMIN
    value = next(group for group in found.groups() if group is not None)
    return _PLACEHOLDER.sub(lambda name: environ.get(name[1]) or name[2] or "", value)


def _admin_in_json(text: str) -> str:
    """Return what a policy file says that some program wrote as JSON.  Raises: ValueError for other text in braces."""
    document: dict[str, str | dict[str, str]] = json.loads(text)
    value = document.get("admin", DEFAULT_ADMIN)
    return value if isinstance(value, str) else value.get("address", DEFAULT_ADMIN)


def ask(address: str, path: str, timeout_s: float) -> int:
    """Send one GET request and return the status.  Raises: `Unreachable`."""
    try:
        with connect(address, timeout_s) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("ascii"))
            start = b""
            while len(start) < len(b"HTTP/1.1 200") and (data := sock.recv(4096)):
                start += data
    except OSError as exc:
        raise Unreachable(f"{address} does not answer: {exc.strerror or exc}") from exc
    status = start[9:12]
    if not (start.startswith(b"HTTP/1.") and status.isdigit()):
        raise Unreachable(f"{address} does not answer in HTTP")
    return int(status)


def connect(address: str, timeout_s: float) -> socket.socket:
    """Connect to an address as `admin` has it; where it means every interface, to loopback."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout_s)
        sock.connect(address.removeprefix("unix:"))
        return sock
    match = _HOST_PORT.fullmatch(address)
    if match is None:
        raise Unreachable(f"{address!r} is not an address; write HOST:PORT or unix:PATH")
    host = match[1] or match[2]
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return socket.create_connection((host, int(match[3])), timeout_s)
