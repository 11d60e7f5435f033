"""Listeners on which browsers ignore what the policies say, and clients that are believed too much.  (Secure Contexts §3.1)"""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.lint.view import Used, View, listed
from xoproxy.config.problems import Id, Place, Problem, problem_at, quoted
from xoproxy.config.settings import Listener, Settings, TcpAddress, UnixPeers
from xoproxy.policy.model import Embedder, Isolation, Opener
from xoproxy.policy.reporting import endpoints_used
from xoproxy.semantics.hosts import address_of, is_loopback


def _insecure(view: View) -> Iterator[Problem]:
    """Tell of keys that need https where no browser can have come by it, nor from this machine.

    An address that stands for every interface says nothing: a container's port is mostly reached as localhost.  Then a route's
    host tells, if it has one.  `trusted_proxies`: there is something in front, and it is that which has TLS.
    """
    settings = view.loaded.generation.settings
    hosts = [host for listener in settings.listeners if (host := _plain_host(listener)) is not None]
    if settings.trusted_proxies or len(hosts) < len(settings.listeners):
        return
    for used in view.policies:
        keys = _secure_only(used)
        if not keys:
            continue
        message = (
            f"browsers ignore {listed(keys)} on plain http, other than from localhost; write "
            "tls: {certificate: ..., key: ...} under `listen` (or, with TLS in front, its address under trusted_proxies)"
        )
        if not any(map(_is_everywhere, hosts)):
            yield problem_at(_listener_place(view, settings), Id.INSECURE_CONTEXT, message)
            return
        named = next((route for route in used.routes if _is_remote(route.route.match.host)), None)
        if named is not None:
            host = quoted(str(named.route.match.host))
            yield problem_at(named.places["match.host"], Id.INSECURE_CONTEXT, f"{host} has no https here: {message}")


def _is_remote(host: str | None) -> bool:
    return host is not None and not is_loopback(host.removeprefix("*."))


def _plain_host(listener: Listener) -> str | None:
    """Return where browsers of other machines come by http; a socket means something in front."""
    at = listener.address
    if not isinstance(at, TcpAddress) or is_loopback(at.host) or listener.key_pairs:
        return None
    return at.host


def _is_everywhere(host: str) -> bool:
    """Whether a listener has every address of the machine, loopback among them."""
    address = address_of(host)
    return not host or (address is not None and address.is_unspecified)


def _secure_only(used: Used) -> tuple[str, ...]:
    """Return the keys of a policy that work in secure contexts only."""
    policy = used.policy
    keys = [
        ("coop", isinstance(policy.coop, Opener)),
        ("coep", isinstance(policy.coep, Embedder)),
        ("document_isolation", isinstance(policy.document_isolation, Isolation)),
        ("origin_agent_cluster", policy.origin_agent_cluster is not None),
        ("report_to", bool(endpoints_used(policy))),
    ]
    return tuple(key for key, is_there in keys if is_there)


def _listener_place(view: View, settings: Settings) -> Place:
    places = view.item_places("listen")
    return places[0] if len(places) == len(settings.listeners) else view.place("listen")


def _trusting(view: View) -> Iterator[Problem]:
    networks = view.loaded.generation.settings.trusted_proxies
    for network, place in zip(networks, view.item_places("trusted_proxies"), strict=True):
        if not isinstance(network, UnixPeers) and network.prefixlen == 0:
            message = (
                f"{network} is everybody, so any client may write its own address, host and scheme into X-Forwarded-*; "
                "write the addresses of your proxies"
            )
            yield problem_at(place, Id.TRUSTS_EVERYBODY, message)


CHECKS: Final = (_insecure, _trusting)
