"""The JSON Schema of files of policy tests, for editors: made as that of the policy file, and of the same values."""

from typing import Final

from xoproxy.browser.model import CredentialsMode, Engine, Mode
from xoproxy.config.schema import document
from xoproxy.config.schema import values as kinds
from xoproxy.config.schema.described import Described, key
from xoproxy.config.schema.forms import (
    Schema,
    any_scalar,
    boolean,
    choice,
    either,
    folded,
    listed,
    named,
    ref,
    scalar,
    several,
    text,
    whole,
)
from xoproxy.insight.testing import keys
from xoproxy.insight.testing.reading import EMBEDS

_FIELD_NAME: Final = "write a field name"
_FIELDS: Final = named(listed(kinds.FIELD_VALUE), kinds.TOKEN, _FIELD_NAME)
_HTTP: Final = rf"{folded('http')}[Ss]?:[\s\S]+"
_URL: Final = text(_HTTP, "write an absolute URL, as https://www.example.com/page")
_SOCKET_URL: Final = text(rf"(?:{_HTTP}|[Ww][Ss][Ss]?:[\s\S]+)", "write an absolute URL, as wss://www.example.com/live")
_ORIGIN: Final = either({"const": "null"}, kinds.EXACT_ORIGIN)
_ASKER: Final = either(_ORIGIN, ref("from"))
_OUTCOME: Final = choice(("allowed", "blocked"))
_DEEDS: Final = ("request", "popup", "websocket")

TOP: Final = Described(
    "tests-file",
    keys.TOP,
    "Policy tests of xoproxy: what browsers may do under a policy file.",
    {
        "tests": key("The tests.", listed(ref("test"))),
        "config": key("The policy file, relative to this one. Default: that which `xoproxy run` would take.", any_scalar()),
        "hosts": key(
            "Host names that are behind the policy, exact or *.example.com. Default: the host of `page`, and those that routes "
            "name.",
            listed(any_scalar()),
        ),
    },
    ("tests",),
)
TEST: Final = Described(
    "test",
    keys.TEST,
    "One thing that one page does, and what becomes of it.",
    {
        "name": key("A sentence that says what holds, once in the file.", any_scalar()),
        "from": key(
            'The origin of the page that asks: somebody else\'s page. An origin, "null", {origin:, headers:}, or a list '
            "of these.",
            either(_ASKER, several(either(_ASKER, {"const": None}))),
        ),
        "page": key(
            "The URL of a page of yours, or several: its own response goes through the policy, and counts.", listed(_URL)
        ),
        "request": key("What the page asks for. With `page` alone, the page itself is looked at.", ref("request")),
        "embed": key("As what it is embedded; a script calls fetch() if this is absent.", choice(EMBEDS)),
        "popup": key("The URL of a page that it opens with window.open().", _URL),
        "websocket": key("The URL of a WebSocket that it opens.", _SOCKET_URL),
        "browser": key("The browsers that this holds in.", listed(choice(engine.value for engine in Engine)), "chrome"),
        "upstream": key("What the application answers, or the other server. Default: 200 without fields.", ref("upstream")),
        "expect": key("What becomes of it.", either(_OUTCOME, ref("expect"))),
    },
    ("name", "expect"),
    {
        "oneOf": [{"required": ["page"]}, {"required": ["from"]}],
        "allOf": [{"not": {"required": [one, other]}} for at, one in enumerate(_DEEDS) for other in _DEEDS[at + 1 :]],
        "dependentRequired": {"embed": ["request"]},
        "dependentSchemas": {"from": {"anyOf": [{"required": [deed]} for deed in _DEEDS]}},
    },
)
FROM: Final = Described(
    "from",
    keys.FROM,
    "A page whose response fields matter too.",
    {
        "origin": key('The origin of the page, or "null".', either(_ORIGIN, {"const": None})),
        "headers": key("The response fields of that page: names to values, or lists of values.", _FIELDS),
    },
    ("origin",),
)
REQUEST: Final = Described(
    "request",
    keys.REQUEST,
    "What a page asks for.",
    {
        "method": key("As the script writes it: `patch` is not `PATCH`.", scalar(kinds.TOKEN, "write a method, as PUT"), "GET"),
        "url": key("An absolute URL.", _URL),
        "headers": key("Fields that the script sets: names to values.", _FIELDS),
        "credentials": key(
            "Whether cookies go with it. Default: `same-origin`; `include` for what is embedded without CORS.",
            choice(mode.value for mode in CredentialsMode),
        ),
        "mode": key(
            "Default: `cors`, and for `embed` that of the element; write `cors` for <img crossorigin>.",
            choice(mode.value for mode in (Mode.CORS, Mode.NO_CORS, Mode.SAME_ORIGIN)),
        ),
    },
    ("url",),
)
UPSTREAM: Final = Described(
    "upstream",
    keys.UPSTREAM,
    "What the application answers, or the other server.",
    {
        "status": key("From 200 to 599.", whole("[2-5][0-9]{2}", "write a status from 200 to 599", 200, 599), 200),
        "headers": key("Its response fields: names to values, or lists of values.", _FIELDS),
    },
)
EXPECT: Final = Described(
    "expect",
    keys.EXPECT,
    "What becomes of it. Only what is named is looked at.",
    {
        "outcome": key(
            "`allowed`: script may read the response, the image is shown, the socket opens. `blocked`: it is not so.", _OUTCOME
        ),
        "cross_origin_isolated": key("Of a page: whether it is cross-origin isolated.", boolean()),
        "opener": key("Of a popup: what becomes of its opener.", choice(("kept", "severed"))),
        "preflight": key("Whether the browser sends one.", boolean()),
        "status": key("The status of the response.", whole("[1-5][0-9]{2}", "write a status, as 403", 101, 599)),
        "route": key("The route that takes the request, as routes[1].", any_scalar()),
        "step": key("The step of the standard that blocks, as CORS check.", any_scalar()),
        "fields": key(
            "Names of response fields to a value, `absent`, `present`, or {contains: TEXT}.",
            named(either(any_scalar(), ref("field")), kinds.TOKEN, _FIELD_NAME),
        ),
        "readable": key("Names of response fields that script can read.", listed(scalar(kinds.TOKEN, _FIELD_NAME))),
    },
    rules={"minProperties": 1},
)
FIELD: Final = Described(
    "field",
    keys.FIELD,
    "What a response field says.",
    {
        "is": key("The whole value, whatever word it is.", any_scalar()),
        "contains": key("A member of the list, or a part of the value.", any_scalar()),
    },
)

DESCRIBED: Final = (TOP, TEST, FROM, REQUEST, UPSTREAM, EXPECT, FIELD)


def schema_of_tests() -> Schema:
    """Return the schema of a file of policy tests."""
    return document(
        "policy-tests", "xoproxy policy tests", TOP, {described.name: described.schema() for described in DESCRIBED}
    )
