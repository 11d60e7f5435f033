"""Who is behind a connection that a load balancer made on a client's behalf, as its PROXY protocol header says."""

from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class ProxiedSource:
    """The client of a proxied connection."""

    address: str  # as an IP address in canonical form, without scope; "unix" for a client on a socket in the file system
    secure: bool | None  # whether the client spoke TLS with the load balancer; None: it does not say
