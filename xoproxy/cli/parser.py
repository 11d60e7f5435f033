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

_TEST_EPILOG: Final = """\
a file of policy tests:
  config: ../config/xoproxy.yaml         # relative to this file; -c goes before it
  tests:
    - name: nobody else reads the API
      from: [https://evil.example, "null"]
      request: {url: https://api.example.com/v1/items}
      expect: blocked
docs/policy-tests.md has the rest.

exit codes:
  0 all passed, 1 some failed, 2 a file is invalid
"""

_DIFF_EPILOG: Final = """\
examples:
  xoproxy diff old.yaml new.yaml
  git show main:config/xoproxy.yaml | xoproxy diff - config/xoproxy.yaml

exit codes:
  0 nobody gains anything, or --allow-widening; 1 somebody does; 2 a file is invalid
"""

_EXPLAIN_EPILOG: Final = """\
examples:
  xoproxy explain GET https://api.example.com/v1/items --origin https://app.example.com
  xoproxy explain PUT /v1/items/1 --host api.example.com --origin https://app.example.com --credentials include \\
    --header 'Content-Type: application/json' --live
  xoproxy explain GET https://cdn.example.com/logo.png --page https://www.example.com/ --destination image
  xoproxy explain GET https://www.example.com/editor --mode navigate --browser safari
  xoproxy explain GET https://api.example.org/ --origin https://app.example.com --live

exit codes:
  0 every browser allows it; 1 one blocks it; 2 usage or invalid configuration
"""

_SCHEMA_EPILOG: Final = """\
examples:
  xoproxy schema > xoproxy.schema.json
  xoproxy schema --tests > xoproxy-tests.schema.json

first line of the policy file, for editors with yaml-language-server (VS Code, Neovim, Helix, Emacs ...):
  # yaml-language-server: $schema=./xoproxy.schema.json
"""

_REPORTS_EPILOG: Final = """\
examples:
  xoproxy reports
  xoproxy reports --since 24h --json

exit codes:
  0 all that is observed is safe to enforce; 1 something is not, or had no traffic; 2 usage; 3 no running xoproxy answers
"""

_SUGGEST_EPILOG: Final = """\
examples:
  xoproxy suggest -c config/xoproxy.yaml > next.yaml && xoproxy diff config/xoproxy.yaml next.yaml
  xoproxy suggest -c config/xoproxy.yaml --enforce --diff | patch config/xoproxy.yaml

exit codes:
  0 nothing is left to do elsewhere; 1 something is; 2 usage or invalid configuration; 3 no running xoproxy answers
"""

_FILE_HELP: Final = (
    "the policy file, or a directory of them (default: $XOPROXY_CONFIG, /etc/xoproxy/xoproxy.yaml, ./config/xoproxy.yaml)"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_INVALID, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def make_parser(configure_demo: Configure | None, only: str = "") -> argparse.ArgumentParser:
    """Return the parser.  `configure_demo` adds the options of `demo`; None where another command was asked for.

    `only`: the command that is asked for, if that is known: the parsers of all take eight milliseconds.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="xoproxy", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    known = _commands(configure_demo)
    for name in (only,) if only in known else known:
        text, configure, epilog = known[name]
        description = text[0].upper() + text[1:] + "."
        command = commands.add_parser(
            name, help=text, description=description, epilog=epilog, formatter_class=raw, allow_abbrev=False
        )
        if configure is not None:
            configure(command)
    return parser


def _commands(configure_demo: Configure | None) -> dict[str, tuple[str, Configure | None, str | None]]:
    """Return what each command does, what adds its options, and what its help ends with."""
    show = "show what the policy of every route comes to, and where each part of it stands"
    explain = "tell why a browser allows or blocks something, and what would turn that"
    diff = "tell what a new policy file decides differently from an old one"
    reports = "tell what browsers reported, and whether what is observed is safe to enforce"
    suggest = "print the policy file as it should be next, by what browsers reported"
    return {
        "run": ("run the proxy", _configure_run, _RUN_EPILOG),
        "demo": ("show a page without any cross-origin field, direct and through xoproxy", configure_demo, None),
        "check": ("print every problem of the configuration", _configure_check, None),
        "show": (show, _configure_show, None),
        "schema": ("print the JSON Schema of the policy file, for editors", _configure_schema, _SCHEMA_EPILOG),
        "explain": (explain, _configure_explain, _EXPLAIN_EPILOG),
        "test": ("run policy tests: what browsers may do, without a network", _configure_test, _TEST_EPILOG),
        "diff": (diff, _configure_diff, _DIFF_EPILOG),
        "reports": (reports, _configure_reports, _REPORTS_EPILOG),
        "suggest": (suggest, _configure_suggest, _SUGGEST_EPILOG),
        "healthcheck": ("ask a running xoproxy on this machine whether it is well", _configure_healthcheck, None),
        "version": ("print the version", None, None),
    }


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
    format_help = "how problems are printed: text, json, github (annotations of a workflow) or sarif (default: text)"
    parser.add_argument(
        "--format", metavar="FORMAT", choices=("text", "json", "github", "sarif"), default="text", help=format_help
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are warnings")


def _configure_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("method", metavar="METHOD", type=_method, help="as script gives it: GET, POST, PATCH ...")
    parser.add_argument("url", metavar="URL", help="a whole URL, or a path on the host that the routes name")
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument(
        "--origin", metavar="O", help="whose page asks, as https://app.example.com, or null (default: the URL's own)"
    )
    parser.add_argument(
        "--page", metavar="URL", help="the page that asks; the file says what its response says, if it is behind it"
    )
    parser.add_argument("--page-header", metavar="N:V", action="append", help="a field of the page's response; several times")
    parser.add_argument("--host", metavar="HOST", help="the host of a URL that is a path")
    parser.add_argument(
        "--hosts", metavar="LIST", help="hosts behind the file, as www.example.com,*.example.com, where its routes name none"
    )
    parser.add_argument("--header", metavar="N:V", action="append", help="a request field that script sets; several times")
    parser.add_argument(
        "--credentials", metavar="MODE", help="omit, same-origin or include (default: as browsers do by the mode)"
    )
    parser.add_argument(
        "--mode", metavar="MODE", help="cors, no-cors, same-origin, navigate or websocket (default: by the destination)"
    )
    parser.add_argument(
        "--destination", metavar="D", help="what it is for, as Sec-Fetch-Dest says: image, iframe, font, worker ..."
    )
    parser.add_argument("--browser", metavar="LIST", help="chrome,firefox,safari (default: all)")
    parser.add_argument("--backend-status", metavar="N", help="what the backend answers, where it is not asked (default: 200)")
    parser.add_argument(
        "--backend-header", metavar="N:V", action="append", help="a field of the backend's answer; several times"
    )
    parser.add_argument(
        "--live", action="store_true", help="ask the route's backend; without -c and with a whole URL, that server"
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=10.0, help="of each live request (default: 10)")
    parser.add_argument("--cookie", metavar="VALUE", help="sent with live requests that go with credentials, as a=b; c=d")
    parser.add_argument(
        "--send-unsafe", action="store_true", help="send POST, PUT, DELETE ... live; else GET stands in for them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_test(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="files of policy tests")
    parser.add_argument("-c", "--config", metavar="FILE", help="the policy file that is tested (default: what the tests name)")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, too")


def _configure_diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="the policy file as it was; - is standard input")
    parser.add_argument("new", metavar="NEW", help="the policy file as it will be")
    parser.add_argument("--allow-widening", action="store_true", help="end with 0 although somebody gains something")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_reports(parser: argparse.ArgumentParser) -> None:
    _configure_asking(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_suggest(parser: argparse.ArgumentParser) -> None:
    _configure_asking(parser)
    parser.add_argument("--enforce", action="store_true", help="also move what is safe after the change out of `observe`")
    parser.add_argument("--diff", action="store_true", help="print a unified diff, as is done for a directory in any case")


def _configure_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--since", metavar="SPAN", default="7d", help="the period: a number and s, m, h or d (default: 7d)")
    parser.add_argument("--admin", metavar="ADDR", help="where the admin endpoint listens, if not as the file says")
    file_help = "a file with the bearer token of the admin endpoint (default: $XOPROXY_ADMIN_TOKEN, or as the file says)"
    parser.add_argument("--token-file", metavar="FILE", help=file_help)


def _configure_schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tests", action="store_true", help="that of files of policy tests instead")


def _configure_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--admin", metavar="ADDR", help="where the admin endpoint listens, if not as the file says")
    parser.add_argument("--url", metavar="URL", help="ask this URL instead, as http://127.0.0.1:9464/-/healthy")
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=2.0, help="how long to wait (default: 2)")


def _method(text: str) -> str:
    if "://" in text or text.startswith("/"):
        raise argparse.ArgumentTypeError(f"the method comes before the URL; write GET {text}")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 3600")
    return seconds
