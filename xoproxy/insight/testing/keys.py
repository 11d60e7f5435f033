"""The keys of a file of policy tests."""

from typing import Final

from xoproxy.config.keys import Keys, spellings

TOP: Final = Keys(
    "a file of policy tests",
    ("tests", "config", "hosts"),
    spellings({"tests": "test cases", "config": "policy file policy_file", "hosts": "host domains served"}),
)
TEST: Final = Keys(
    "a test",
    ("name", "from", "page", "request", "embed", "popup", "websocket", "browser", "upstream", "expect"),
    spellings(
        {
            "name": "title description it",
            "from": "origin initiator origins",
            "page": "visit open navigate document",
            "request": "fetch req",
            "embed": "destination element",
            "popup": "opens window",
            "websocket": "socket ws",
            "browser": "browsers engine engines",
            "upstream": "backend response answers given",
            "expect": "expected then should",
        }
    ),
)
FROM: Final = Keys("`from`", ("origin", "headers"), spellings({"origin": "url page", "headers": "fields"}))
REQUEST: Final = Keys(
    "`request`",
    ("method", "url", "headers", "credentials", "mode"),
    spellings(
        {"method": "verb", "url": "to path target", "headers": "fields header", "credentials": "cookies with_credentials"}
    ),
)
UPSTREAM: Final = Keys("`upstream`", ("status", "headers"), spellings({"status": "code", "headers": "fields header"}))
EXPECT: Final = Keys(
    "`expect`",
    (
        "outcome",
        "cross_origin_isolated",
        "opener",
        "preflight",
        "status",
        "route",
        "step",
        "fields",
        "readable",
    ),
    spellings(
        {
            "outcome": "verdict result is",
            "cross_origin_isolated": "isolated crossOriginIsolated",
            "opener": "popup",
            "status": "code",
            "fields": "headers response header",
            "readable": "exposed exposes readable_headers",
            "step": "reason because",
        }
    ),
)
FIELD: Final = Keys("an expected field", ("is", "contains"), spellings({"is": "equals value", "contains": "has includes"}))
