"""The command line: commands, options, help.  (design section 5)"""

import argparse
from collections.abc import Callable
from typing import Final, NoReturn

EXIT_FINE: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_INVALID: Final = 2
EXIT_FAILED: Final = 3

Configure = Callable[[argparse.ArgumentParser], None]

_DESCRIPTION: Final = "A reverse proxy that makes the cross-origin policy (CORS, COOP, COEP, CORP) of any backend right."

_EPILOG: Final = """\
examples:
  xoproxy demo
  xoproxy run --upstream http://localhost:5000 --policy isolated
  xoproxy run -c config/xoproxy.yaml
  xoproxy check -c config/xoproxy.yaml --strict

exit codes:
  0 fine, 1 findings, 2 usage or invalid configuration, 3 failed while running
"""

_RUN_EPILOG: Final = """\
environment, for what no option says:
  XOPROXY_CONFIG, XOPROXY_LISTEN, XOPROXY_UPSTREAM, XOPROXY_POLICY, XOPROXY_ALLOW_ORIGIN, XOPROXY_ADMIN, XOPROXY_NO_WATCH
  (several values: separated by spaces or commas); XOPROXY_ADMIN_TOKEN: the bearer token of the admin endpoint

signals:
  SIGHUP reloads; SIGTERM and SIGINT let exchanges finish, then end; a second one ends at once

examples:
  xoproxy run --upstream http://localhost:5000 --policy isolated
  xoproxy run --upstream http://localhost:5000 --allow-origin https://app.example.com
  xoproxy run -c config/xoproxy.yaml --listen :8080 --admin off
"""

_FILE_HELP: Final = "the policy file (default: $XOPROXY_CONFIG, /etc/xoproxy/xoproxy.yaml, ./config/xoproxy.yaml)"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_INVALID, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def make_parser(configure_demo: Configure | None) -> argparse.ArgumentParser:
    """Return the parser.  `configure_demo` adds the options of `demo`; None where another command was asked for."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="xoproxy", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str, configure: Configure | None, epilog: str | None = None) -> None:
        command = commands.add_parser(
            name, help=text, description=text.capitalize() + ".", epilog=epilog, formatter_class=raw, allow_abbrev=False
        )
        if configure is not None:
            configure(command)

    add("run", "run the proxy", _configure_run, _RUN_EPILOG)
    add("demo", "show a page without any cross-origin field, direct and through xoproxy", configure_demo)
    add("check", "print every problem of the configuration", _configure_check)
    add("healthcheck", "ask a running xoproxy on this machine whether it is well", _configure_healthcheck)
    add("version", "print the version", None)
    return parser


def _configure_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    listen_help = "where to listen: HOST:PORT, :PORT, [::]:PORT, unix:PATH or systemd[:NAME]; may be given several times"
    parser.add_argument("--listen", metavar="ADDR", action="append", help=listen_help)
    parser.add_argument("--upstream", metavar="URL", help="where to forward: http://, https:// or http+unix:")
    parser.add_argument(
        "--policy", metavar="PRESET", help="isolated, isolated-credentialless, isolated-auto, public-asset, untouched"
    )
    origin_help = "an origin that may read with CORS, as https://app.example.com; may be given several times"
    parser.add_argument("--allow-origin", metavar="ORIGIN", action="append", help=origin_help)
    parser.add_argument("--admin", metavar="ADDR", help="where the admin endpoint listens, or off")
    parser.add_argument("--no-watch", action="store_true", help="do not reload when the file changes; SIGHUP still does")


def _configure_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how problems are printed (default: text)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are warnings")


def _configure_healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--admin", metavar="ADDR", help="where the admin endpoint listens, if not as the file says")
    parser.add_argument("--url", metavar="URL", help="ask this URL instead, as http://127.0.0.1:9464/-/healthy")
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=2.0, help="how long to wait (default: 2)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 3600")
    return seconds
