"""Ask the admin endpoint of a running xoproxy for JSON, as its operator may: with the token, if one is wanted."""

import argparse
import http.client
import json
import os
import re
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from xoproxy.cli.healthcheck import OFF, Unreachable, connect, find_admin
from xoproxy.cli.options import UsageError, choose
from xoproxy.config import ConfigInvalid, load
from xoproxy.slotted import dataclass

TIMEOUT_S: Final = 30.0  # a decision about 100,000 groups takes some seconds
_SPAN: Final = re.compile(r"[0-9]{1,6}[smhd]")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask, and how to be let in."""

    address: str
    token: str | None

    def json(self, path: str) -> Json:
        """Return what a path answers.  Raises: `Unreachable`, also for any answer but 200."""
        try:
            status, body = self._get(path)
        except (OSError, http.client.HTTPException) as exc:
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc) or type(exc).__name__
            raise Unreachable(f"{self.address} does not answer: {why}") from exc
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        said = cast("Json", document) if isinstance(document, dict) else None
        if status != 200 or said is None:
            detail = (
                f": {said['detail']}" if said is not None and "detail" in said else "; is it the admin endpoint of xoproxy?"
            )
            raise Unreachable(f"{self.address} answers {status}{detail}")
        return said

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = _Connection(connect(self.address, TIMEOUT_S))
        try:
            fields = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request("GET", path, headers=fields)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection that is made already."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("localhost")
        self.sock = connected


def ask(args: argparse.Namespace, environ: Mapping[str, str]) -> Asked:
    """Return whom the options mean.  Raises: `UsageError`, `Unreachable`."""
    address = find_admin(args.admin, args.config, environ)
    if address == OFF:
        raise Unreachable("the admin endpoint is off, so there is nothing to ask; remove `admin: off`")
    return Asked(address, _token(args, environ))


def span(text: str) -> str:
    """Return a time span as the endpoint takes it.  Raises: `UsageError`."""
    if _SPAN.fullmatch(text) is None:
        raise UsageError(f"--since {text!r} is no time span; write a number and s, m, h or d, as --since 24h")
    return text


def complain(message: object, code: int) -> int:
    """Say what went wrong.  Returns the exit code."""
    print(f"xoproxy: {message}", file=sys.stderr)
    return code


def _token(args: argparse.Namespace, environ: Mapping[str, str]) -> str | None:
    """Return the token: from the option's file, from the environment, or as the policy file says.  Raises: `UsageError`."""
    file: str | None = args.token_file
    given = environ.get("XOPROXY_ADMIN_TOKEN", "").strip()
    if file is None and given:
        return given
    file = file or _named_by_policy(args, environ)
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as exc:
        why = os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else "it is no text"
        raise UsageError(f"the token file {file} cannot be read: {why.lower()}; name another one with --token-file") from exc


def _named_by_policy(args: argparse.Namespace, environ: Mapping[str, str]) -> str | None:
    """Return what the policy file has under `admin.token_file`; None without a file that is valid: what serves may have one."""
    try:
        chosen = choose(args, environ)
        loaded = load(chosen.path, chosen.overrides, environ=environ, today=datetime.now(UTC).date(), number=1)
    except (UsageError, ConfigInvalid):
        return None
    return loaded.generation.settings.admin_token_file
