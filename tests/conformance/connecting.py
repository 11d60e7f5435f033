"""Connect to any address."""

import asyncio
import socket

from support.wire import Peer


async def connect_to(address: tuple[str, int]) -> Peer:
    """Return a connection to HOST, PORT."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    family, kind, protocol, _, where = infos[0]
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    await loop.sock_connect(sock, where)
    return Peer(sock)
