"""What is unpacked means what was packed."""

from dataclasses import fields

import pytest
from support.configs import SOURCE, compiled

from xoproxy.config import Loaded, Problem, Text, Texts
from xoproxy.insight.comparing import compare
from xoproxy.insight.comparing.changes import Comparison
from xoproxy.runtime.packing import ROUTES, Packed, pack, unpack
from xoproxy.runtime.source import Edition

MANY = "".join(f"  - match: {{host: h{n}.example, path: /{n}/**}}\n    policy: p{n % 3}\n" for n in range(3 * ROUTES + 1))
FILE = f"""\
version: 1
upstream: web
upstreams:
  web: {{urls: [http://app:5000, "http+unix:/run/app.sock"], connect_timeout: 1s}}
policies:
  p0: {{corp: same-site, upstream_fields: fill}}
  p1:
    cors:
      allow_origins: [https://a.example, "https://*.b.example", "http://localhost:*"]
      allow_origin_regexes: ['https://[a-z]+\\.c\\.example']
      allow_methods: [GET, PUT]
      max_age: 10m
  p2: {{report_to: r, observe: {{coep: require-corp}}, headers: {{set: {{X-A: b}}}}}}
routes:
  - match: {{path: /ends/**}}
    expires: 2030-01-31
    policy: {{cors: {{allow_origins: "*"}}}}
  - match: {{headers: {{X-Key: "${{KEY}}"}}, methods: [GET], destinations: [document]}}
    policy: [p1, isolated]
{MANY}
reporting: {{endpoints: {{r: /r}}}}
trusted_proxies: [10.0.0.0/8]
limits: {{paths: lenient}}
"""
TEXTS = Texts(SOURCE, (Text(SOURCE, FILE),))
ENVIRON = {"KEY": "secret"}


def arrived(packed: Packed) -> tuple[Edition, tuple[Problem, ...], int]:
    """Return what arrives, the warnings about it, and in how many steps."""
    steps = unpack(packed, TEXTS)
    for count in range(10_000):
        try:
            next(steps)
        except StopIteration as end:
            return (*end.value, count)
    raise AssertionError("unpacking does not end")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return compiled(FILE, environ=ENVIRON)


def test_edition_is_the_same(loaded: Loaded) -> None:
    sent, came = Edition.of(loaded, TEXTS), arrived(pack(loaded))[0]

    for field in fields(Edition):
        if field.name != "generation":
            assert getattr(came, field.name) == getattr(sent, field.name), field.name
    for name in ("number", "source", "digest", "settings"):
        assert getattr(came.generation, name) == getattr(sent.generation, name), name
    assert came.ends is not None
    assert came.withheld


def test_routes_decide_the_same(loaded: Loaded) -> None:
    came = arrived(pack(loaded))[0].generation

    assert came.routes.routes == loaded.generation.routes.routes
    assert compare(loaded.generation, came) == Comparison((), (), is_sampled=False)


def test_routes_that_shared_a_policy_share_it(loaded: Loaded) -> None:
    """It is compiled once then."""
    sent, came = (generation.routes.routes for generation in (loaded.generation, arrived(pack(loaded))[0].generation))

    assert len({id(route.policy) for route in came}) == len({id(route.policy) for route in sent}) == 5


def test_warnings_arrive(loaded: Loaded) -> None:
    assert arrived(pack(loaded))[1] == loaded.warnings


def test_others_may_be_served_before_each_policy_and_each_route(loaded: Loaded) -> None:
    assert arrived(pack(loaded))[2] >= len(loaded.routes) + 5
