"""`xoproxy demo`: the proxy in front of a backend that knows nothing of cross-origin policy, on this machine alone.

The proxy is the one that `xoproxy run` starts, with the policy file `demo.yaml`; only the two ports are decided here.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from xoproxy.cli.demo.backend import Backend, site
from xoproxy.cli.demo.ports import choose_port
from xoproxy.cli.parser import EXIT_FAILED, EXIT_FINE
from xoproxy.config import Loaded, Overrides, Texts, compile_texts, read_texts
from xoproxy.runtime.calendar import today
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.process import Start, serve_until_stopped
from xoproxy.runtime.signals import HeldSignals
from xoproxy.runtime.source import Edition
from xoproxy.slotted import dataclass

DEFAULT_PORT: Final = 8080
DEFAULT_BACKEND_PORT: Final = 8081
POLICY_FILE: Final = Path(__file__).with_name("demo.yaml")

WELCOME: Final = """\
Two addresses of one application that sends no cross-origin field.  Open both and compare:

  direct            {direct}/
  through xoproxy   {through}/

The policy is {policy}.  Ctrl-C ends the demo.
"""


@dataclass(frozen=True, slots=True)
class DemoSource:
    """The demo's policy file; it is filled in from `environ` instead of the process's environment."""

    texts: Texts
    environ: Mapping[str, str]

    def read(self) -> Texts:
        """Return the texts; they never change."""
        return self.texts

    def compile(self, texts: Texts, number: int, today: date) -> Loaded:
        """Return the texts as generation `number`."""
        return compile_texts(texts, Overrides(), environ=self.environ, today=today, number=number)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`."""
    free = "if nobody has it, else a free one"
    parser.add_argument("--port", type=_port, metavar="PORT", help=f"port of the proxy (default: {DEFAULT_PORT} {free})")
    parser.add_argument(
        "--backend-port", type=_port, metavar="PORT", help=f"port of the backend (default: {DEFAULT_BACKEND_PORT} {free})"
    )


def run(args: argparse.Namespace) -> int:
    """Serve the demo until a signal ends it."""
    signals = HeldSignals()
    try:
        _serve(choose_port(args.port, DEFAULT_PORT), choose_port(args.backend_port, DEFAULT_BACKEND_PORT), signals)
    except ListenError as exc:
        print(f"xoproxy: error: {exc}", file=sys.stderr, flush=True)
        return EXIT_FAILED
    finally:
        signals.release()
    return EXIT_FINE


def _serve(port: int, backend_port: int, signals: HeldSignals) -> None:
    """Run backend and proxy.  Raises: `ListenError`."""
    source = DemoSource(read_texts(POLICY_FILE), {"DEMO_PORT": str(port), "DEMO_BACKEND_PORT": str(backend_port)})
    loaded = source.compile(source.texts, 1, today())
    direct, through = f"http://localhost:{backend_port}", f"http://localhost:{port}"
    backend = _open_backend(backend_port)
    backend.site = site(direct, through)

    def announce(_: str) -> None:
        print(WELCOME.format(direct=direct, through=through, policy=POLICY_FILE), flush=True)

    with backend.serving():
        start = Start(source, Edition.of(loaded, source.texts), watched_path=None, announce=announce)
        serve_until_stopped(start, signals, sys.stderr.fileno())


def _open_backend(port: int) -> Backend:
    try:
        return Backend(port)
    except OSError as exc:
        message = f"cannot listen on 127.0.0.1:{port}: {os.strerror(exc.errno) if exc.errno else exc}"
        raise ListenError(message) from exc


def _port(text: str) -> int:
    """Return a port from the command line; 0 lets the kernel choose.  Raises: `ArgumentTypeError`."""
    if not (text.isdecimal() and text.isascii() and int(text) <= 65535):
        message = f"{text!r} is no port; write a number up to 65535"
        raise argparse.ArgumentTypeError(message)
    return int(text)
