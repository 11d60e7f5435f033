"""Pages made by chance: policies in all the spellings that servers have, frames in frames, popups, workers, WebSockets.

Most values are what a server should send, or half of the cases would be the same: no policy at all.
"""

import random
from collections.abc import Callable
from typing import Final

from support.verification import ACCEPT
from xoproxy.browser.model import Fields, Frame

COOP: Final = b"Cross-Origin-Opener-Policy"
COEP: Final = b"Cross-Origin-Embedder-Policy"
CORP: Final = b"Cross-Origin-Resource-Policy"
DIP: Final = b"Document-Isolation-Policy"
PERMISSIONS: Final = b"Permissions-Policy"
CSP: Final = b"Content-Security-Policy"

OPENERS: Final = (b"unsafe-none", b"same-origin", b"same-origin-allow-popups", b"noopener-allow-popups")
EMBEDDERS: Final = (b"require-corp", b"credentialless", b"unsafe-none")
ISOLATIONS: Final = (b"isolate-and-require-corp", b"isolate-and-credentialless", b"none")
RESOURCES: Final = (b"same-origin", b"same-site", b"cross-origin")

HTML: Final[Fields] = ((b"Content-Type", b"text/html; charset=utf-8"),)
SCRIPT: Final[Fields] = ((b"Content-Type", b"text/javascript"),)
HOSTS: Final = ("app.localhost", "app.localhost", "app.localhost", "sub.app.localhost", "other.localhost", "other.localhost")

# One value as servers send it: the facts' list, and what WPT's header-parsing tests try.
SPELLINGS: Final[tuple[Callable[[bytes], tuple[bytes, ...]], ...]] = (
    lambda value: (value + b";",),
    lambda value: (value.capitalize(),),
    lambda value: (value.upper(),),
    lambda value: (b'"' + value + b'"',),
    lambda value: (b"'" + value + b"'",),
    lambda value: (value + b"," + value,),
    lambda value: (value, value),
    lambda value: (b"", value),
    lambda value: (value, b""),
    lambda value: (value + b" " + value,),
    lambda value: (value + b";" + value,),
    lambda value: (value + b"; foo=bar",),
    lambda value: (value + b";foo",),
    lambda value: (value + b";  foo=?1;bar=:YWJj:",),
    lambda value: (value + b'; report-to="endpoint"',),
    lambda value: (value + b"; report-to=endpoint",),
    lambda value: (value + b" ;foo=bar",),
    lambda value: (value + b";\tfoo=bar",),
    lambda value: (value + b"; foo=bar;",),
    lambda value: (value + b"; Foo=bar",),
    lambda value: (value + b"; foo=",),
    lambda value: (value + b"; foo=1.5; bar=-7",),
    lambda value: (value + b"; foo=@1659578233",),
    lambda value: (value + b'; foo=%"text"',),
    lambda value: (value + b'; foo="a\\"b"',),
    lambda value: (value + b'; foo="a\\b"',),
    lambda value: (b"\t" + value + b"\t",),
    lambda value: (b"\x0b" + value,),
    lambda value: (value.replace(b"-", b"\xe2\x80\x94"),),
    lambda value: (b"*" + value,),
    lambda value: (b"$" + value,),
    lambda value: (value + b"/x",),
    lambda value: (b"(" + value + b")",),
    lambda value: (b":cmVxdWlyZS1jb3Jw:",),
    lambda value: (b"?1",),
    lambda value: (b"1",),
    lambda value: (b"",),
    lambda value: (b"jibberish",),
)

PERMISSION_VALUES: Final = (
    b"cross-origin-isolated=()",
    b"cross-origin-isolated=(self)",
    b"cross-origin-isolated=self",
    b"cross-origin-isolated=*",
    b"cross-origin-isolated=(*)",
    b'cross-origin-isolated=(self "ORIGIN")',
    b'cross-origin-isolated=("ORIGIN")',
    b'cross-origin-isolated="ORIGIN"',
    b"cross-origin-isolated",
    b"cross-origin-isolated=?0",
    b"cross-origin-isolated=(none)",
    b"cross-origin-isolated=src",
    b"camera=(), cross-origin-isolated=*",
    b"cross-origin-isolated=(), cross-origin-isolated=*",
    b"cross-origin-isolated=();x=1",
    b"cross-origin-isolated=();x=@1659578233",
    b'cross-origin-isolated=(), camera=%"text"',
    b"cross-origin-isolated=(self",
    b"cross-origin-isolated 'none'",
    b"camera=()",
)
ALLOW_VALUES: Final = (
    "cross-origin-isolated",
    "cross-origin-isolated",
    "cross-origin-isolated *",
    "cross-origin-isolated 'self'",
    "cross-origin-isolated 'src'",
    "cross-origin-isolated 'none'",
    "cross-origin-isolated ORIGIN",
    "camera; cross-origin-isolated",
    "camera",
)
# Sandboxed without allow-scripts nobody could report.
SANDBOXES: Final = ("allow-scripts allow-same-origin", "allow-scripts", "allow-scripts allow-same-origin allow-popups")
POPUP_SANDBOXES: Final = (
    "allow-scripts allow-popups",
    "allow-scripts allow-popups allow-same-origin",
    "allow-scripts allow-popups allow-same-origin allow-popups-to-escape-sandbox",
)


# What servers answer instead of what they should: each a list of lines.
HANDSHAKES: Final[dict[bytes, tuple[tuple[bytes, ...], ...]]] = {
    b"Upgrade": ((), (b"WebSocket",), (b"h2c",), (b"websocket, h2c",), (b"websocket", b"websocket")),
    b"Connection": ((), (b"keep-alive",), (b"UPGRADE",), (b"upgrade, keep-alive",), (b"keep-alive", b"Upgrade")),
    b"Sec-WebSocket-Accept": ((), (b"nonsense",), (ACCEPT, ACCEPT), (ACCEPT + b" ",)),
    b"Sec-WebSocket-Protocol": ((), (b"",), (b"other",), (b"chat",), (b"v2",), (b"Chat",), (b"chat", b"chat")),
    b"Sec-WebSocket-Extensions": (
        (b"permessage-deflate",),
        (b"permessage-deflate", b"permessage-deflate"),
        (b"permessage-deflate; server_no_context_takeover",),
        (b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",),
        (b"permessage-deflate; server_max_window_bits=9; client_no_context_takeover",),
        (b"permessage-deflate; server_max_window_bits=16",),
        (b"permessage-deflate; client_max_window_bits=15",),
        (b"permessage-deflate; client_max_window_bits",),
        (b"permessage-deflate; nonsense",),
        (b"x-made-up",),
    ),
}


def lines(chance: random.Random, name: bytes, values: tuple[bytes, ...], *, odd: float = 0.2) -> Fields:
    """Return the lines of a field: `values[0]` half the time, a strange spelling with the probability `odd`."""
    value = chance.choice((*values, *(values[:1] * len(values))))
    spelled = chance.choice(SPELLINGS)(value) if chance.random() < odd else (value,)
    return tuple((name, each) for each in spelled)


def host(chance: random.Random) -> str:
    """Return the name of a server: mostly of one origin or site, now and then one that is no secure context."""
    return "app.test" if chance.random() < 0.05 else chance.choice(HOSTS)


def page_fields(chance: random.Random, origin: str) -> Fields:
    """Return the policies of a page that may frame or be framed.  `origin` is the one that permissions name."""
    fields = HTML
    if chance.random() < 0.75:
        fields += lines(chance, COOP, (OPENERS[1], *OPENERS), odd=0.15)
    if chance.random() < 0.85:
        fields += lines(chance, COEP, EMBEDDERS, odd=0.15)
    if chance.random() < 0.1:
        fields += lines(chance, DIP, ISOLATIONS)
    if chance.random() < 0.5:
        fields += lines(chance, CORP, (RESOURCES[2], *RESOURCES), odd=0.15)
    if chance.random() < 0.2:
        fields += ((PERMISSIONS, chance.choice(PERMISSION_VALUES).replace(b"ORIGIN", origin.encode())),)
    if chance.random() < 0.05:
        fields += ((CSP, b"sandbox " + chance.choice(SANDBOXES).encode()),)
    return fields


def popup_fields(chance: random.Random) -> Fields:
    """Return the policies of a page that opens or is opened."""
    fields = HTML
    if chance.random() < 0.75:
        fields += lines(chance, COOP, OPENERS, odd=0.15)
    if chance.random() < 0.3:
        fields += lines(chance, COEP, EMBEDDERS[:2], odd=0.1)
    if chance.random() < 0.08:
        fields += ((CSP, b"sandbox " + chance.choice(POPUP_SANDBOXES).encode()),)
    return fields


def owner_fields(chance: random.Random) -> Fields:
    """Return the policies of a page that starts workers."""
    fields = HTML
    if chance.random() < 0.8:
        fields += lines(chance, COOP, (OPENERS[1],))
    if chance.random() < 0.8:
        fields += lines(chance, COEP, EMBEDDERS)
    if chance.random() < 0.15:
        fields += lines(chance, DIP, ISOLATIONS)
    return fields


def script_fields(chance: random.Random) -> Fields:
    """Return the policies of a worker's script."""
    fields = SCRIPT
    if chance.random() < 0.7:
        fields += lines(chance, COEP, EMBEDDERS)
    if chance.random() < 0.2:
        fields += lines(chance, CORP, RESOURCES)
    return fields


def handshake(chance: random.Random, protocols: tuple[bytes, ...]) -> tuple[int, Fields]:
    """Return status and fields of the answer to a WebSocket's handshake, right in three of four points each."""
    status = 101 if chance.random() < 0.85 else chance.choice((200, 302, 400, 403, 404, 426))
    right: dict[bytes, tuple[bytes, ...]] = {
        b"Upgrade": (b"websocket",),
        b"Connection": (b"Upgrade",),
        b"Sec-WebSocket-Accept": (ACCEPT,),
        b"Sec-WebSocket-Protocol": protocols[:1],
        b"Sec-WebSocket-Extensions": (),
    }
    sent = {name: values if chance.random() < 0.75 else chance.choice(HANDSHAKES[name]) for name, values in right.items()}
    location = ((b"Location", b"/elsewhere"),) if status == 302 else ()
    return status, (*((name, value) for name, values in sent.items() for value in values), *location)


def frame(chance: random.Random, origin: str) -> Frame:
    """Return a frame's attributes.  `origin` is that of its page, mostly."""
    allow = chance.choice(ALLOW_VALUES).replace("ORIGIN", origin) if chance.random() < 0.5 else ""
    sandbox = chance.choice(SANDBOXES) if chance.random() < 0.1 else None
    return Frame(allow, sandbox, credentialless=chance.random() < 0.1)


def element(url: str, attributes: Frame) -> bytes:
    """Return the iframe element."""
    sandbox = "" if attributes.sandbox is None else f' sandbox="{attributes.sandbox}"'
    credentialless = " credentialless" if attributes.credentialless else ""
    return f'<iframe src="{url}" allow="{attributes.allow}"{sandbox}{credentialless}></iframe>'.encode()
