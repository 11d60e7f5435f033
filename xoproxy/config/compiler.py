"""From the text of a configuration to a generation, or to everything that is wrong with it.  No input, output or clock."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Final

from xoproxy.config import collecting, keys, sections, telling
from xoproxy.config.composition import UNTOUCHED, Policies
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.generation import Generation
from xoproxy.config.listening import read_listeners
from xoproxy.config.merging import read_parts
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.options import Overrides, complete, overlay
from xoproxy.config.problems import ConfigInvalid, Place, Problem, in_order
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.routing import RouteDraft, Routing
from xoproxy.config.sealing import seal
from xoproxy.config.settings import DEFAULT_REQUEST_ID, Listener, Settings, TcpAddress
from xoproxy.config.silencing import Allowance, silence
from xoproxy.config.texts import Text, Texts
from xoproxy.config.upstreams import Upstreams, read_defaults
from xoproxy.policy.model import ReportingEndpoints
from xoproxy.policy.routes import RouteTable
from xoproxy.slotted import dataclass

LISTEN_FROM_FILE: Final = Listener(TcpAddress("", 8080))
LISTEN_FROM_OPTIONS: Final = Listener(TcpAddress("127.0.0.1", 8080))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may take effect.

    `routes`: with the places that each route's policy comes from.  `ends`: the first day on which an origin or route that has
    an end is to be left out, so that the same text must be compiled again; None if there is no such day.  `warnings` are what
    reading saw; `lint` finds more, and silences what `allowances` say.  `unmatched`: as if it were a route, what answers that
    belong to no route go by.  `written`: each value that the environment filled in, as the file refers to it.
    """

    generation: Generation
    warnings: tuple[Problem, ...]
    routes: tuple[RouteDraft, ...]
    endpoints: ReportingEndpoints
    unused_policies: Mapping[str, PolicyDraft]  # entries of `policies` that no route is made of
    tree: MappingNode  # what was compiled, with the place of everything
    unmatched: RouteDraft
    written: Mapping[Place, str]
    today: date  # as of which it was compiled
    allowances: tuple[Allowance, ...] = ()
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class _Compiled:
    settings: Settings
    routes: tuple[RouteDraft, ...]
    unmatched: RouteDraft
    endpoints: ReportingEndpoints
    unused_policies: Mapping[str, PolicyDraft]
    tree: MappingNode


def digest_of(texts: Texts, overrides: Overrides) -> str:
    """Return the SHA-256 of texts and options, in hexadecimal."""
    said = "".join(f"{part.text}\0" for part in texts.parts)
    return hashlib.sha256(f"{said}{overrides!r}".encode("utf-8", "surrogatepass")).hexdigest()


def compile_texts(texts: Texts, overrides: Overrides, *, environ: Mapping[str, str], today: date, number: int) -> Loaded:
    """Compile texts, or options that are a configuration by themselves.  Raises ConfigInvalid with every problem."""
    if texts.parts:
        root, problems, allowances = read_parts(texts)
        reader = Reader(environ, today, problems, allowances)
        compiled = _compile(reader, overlay(root, overrides), LISTEN_FROM_FILE)
    else:
        reader = Reader(environ, today)
        compiled = _compile(reader, complete(overrides), LISTEN_FROM_OPTIONS)
    return _finish(reader, compiled, texts.name, digest_of(texts, overrides), number)


def compile_text(  # noqa: PLR0913  text and its name, and all that a pure function cannot look up
    text: str, source: str, overrides: Overrides, *, environ: Mapping[str, str], today: date, number: int
) -> Loaded:
    """Compile the text of the one file, called `source` in messages.  Raises ConfigInvalid with every problem."""
    texts = Texts(source, (Text(source, text),))
    return compile_texts(texts, overrides, environ=environ, today=today, number=number)


def _compile(reader: Reader, tree: MappingNode, listen: Listener) -> _Compiled:
    """Read every part of a configuration, whatever is wrong with the others."""
    root = Spot(tree, "")
    found = reader.mapping(root, keys.TOP)
    sections.read_version(reader, root, found.get("version"))
    timeouts = reader.mapping(found.get("timeouts"), keys.TIMEOUTS)
    reporting = reader.mapping(found.get("reporting"), keys.REPORTING)
    endpoints = collecting.read_endpoints(reader, reporting.get("endpoints"))
    upstreams = Upstreams(reader, found.get("upstreams"), read_defaults(reader, timeouts))
    policies = Policies(reader, found.get("policies"), [name for name, _ in endpoints.urls])
    default_policy = policies.compose(found["policy"]) if "policy" in found else UNTOUCHED
    routing = Routing(reader, upstreams, policies, default_policy)
    routes = routing.read(root, found.get("routes"), found.get("upstream"))
    unused_policies = policies.unused()
    for draft in unused_policies.values():
        seal(reader, draft, is_part=True)
    admin, token_file = sections.read_admin(reader, found.get("admin"))
    settings = Settings(
        listeners=read_listeners(reader, found.get("listen"), listen, trusts_proxies="trusted_proxies" in found),
        upstreams=upstreams.settings(),
        admin=admin,
        admin_token_file=token_file,
        timeouts=sections.read_timeouts(reader, timeouts),
        limits=sections.read_limits(reader, found.get("limits")),
        trusted_proxies=sections.read_trusted(reader, found.get("trusted_proxies")),
        log=telling.read_log(reader, found.get("log")),
        workers=sections.read_workers(reader, found.get("workers")),
        proxy_status=sections.read_proxy_status(reader, found.get("proxy_status")),
        collecting=collecting.read_collecting(reader, reporting, endpoints),
        request_id=sections.read_request_id(reader, found.get("request_id"), DEFAULT_REQUEST_ID),
        tracing=telling.read_tracing(reader, found.get("tracing"), found.get("request_id")),
    )
    return _Compiled(settings, routes, routing.unmatched(root), endpoints, unused_policies, tree)


def _finish(reader: Reader, compiled: _Compiled, source: str, digest: str, number: int) -> Loaded:
    """Make a generation, unless there is an error."""
    if reader.has_errors():
        raise ConfigInvalid(silence(reader.problems, reader.allowances)[0])
    table = RouteTable(
        tuple(draft.route for draft in compiled.routes),
        compiled.unmatched.route.policy,
        compiled.endpoints,
        lenient_paths=compiled.settings.limits.lenient_paths,
        collected=compiled.settings.collecting.targets,
    )
    generation = Generation(number, source, digest, compiled.settings, table)
    return Loaded(
        generation,
        in_order(reader.problems),
        compiled.routes,
        compiled.endpoints,
        compiled.unused_policies,
        compiled.tree,
        compiled.unmatched,
        reader.written,
        reader.today,
        reader.allowances,
        reader.ends,
    )
