"""Evidence about a route is kept by what it matches and does, not by how it is called or where it stands."""

import subprocess
import sys

from support.configs import compiled

from xoproxy.insight.deciding import route_key

FILE = """\
version: 1
upstream: http://web:3000
policies:
  page: {report_to: r, observe: {coep: require-corp}, cors: {allow_origins: [https://a.example], allow_methods: [PUT, DELETE]}}
routes:
  - match: {host: app.example, methods: [GET, POST, PUT], destinations: [document, iframe]}
    policy: page
  - policy: untouched
reporting: {endpoints: {r: /r}}
"""


def keys(text: str) -> list[str]:
    return [route_key(draft.route) for draft in compiled(text).routes]


def test_a_key_is_of_match_and_policy() -> None:
    one, other = keys(FILE)

    assert one != other
    moved = FILE.replace("routes:\n", "routes:\n  - match: {host: new.example}\n    policy: isolated\n")
    assert keys(moved)[1:] == [one, other]
    renamed = FILE.replace("page", "pages").replace("http://web:3000", "http://other:1")
    assert keys(renamed) == [one, other]


def test_another_policy_or_match_is_another_key() -> None:
    one, _ = keys(FILE)

    for before, after in (
        ("require-corp", "credentialless"),
        ("PUT, DELETE", "PUT"),
        ("app.example", "www.app.example"),
        ("[document, iframe]", "[document]"),
    ):
        assert keys(FILE.replace(before, after, 1))[0] != one


def test_a_key_is_the_same_in_every_process() -> None:
    """Sets have another order in each, by the hashes of strings."""
    code = f"""
from datetime import date
from xoproxy.config import Overrides, compile_text
from xoproxy.insight.deciding import route_key
loaded = compile_text({FILE!r}, "x", Overrides(), environ={{}}, today=date(2026, 1, 1), number=1)
print(*[route_key(draft.route) for draft in loaded.routes])
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert told == {" ".join(keys(FILE)) + "\n"}
