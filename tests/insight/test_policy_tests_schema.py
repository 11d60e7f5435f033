"""The schema of files of policy tests takes what reading them takes, and refuses what a schema can know to be wrong."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.markdown import all_blocks
from support.typed_yaml import as_1_1, as_1_2

from xoproxy.config import ConfigInvalid
from xoproxy.config.keys import Keys
from xoproxy.insight.testing import keys
from xoproxy.insight.testing.reading import read_tests
from xoproxy.insight.testing.schema import DESCRIBED, schema_of_tests

SCHEMA = schema_of_tests()
VALIDATOR = Draft202012Validator(SCHEMA)
REGISTRY = {name: kind for name, kind in vars(keys).items() if isinstance(kind, Keys)}
READINGS: list[Callable[[str], Any]] = [as_1_1, as_1_2]
REQUEST = "request: {url: https://api.example.com/}"


def one(test: str) -> str:
    """Return a file with one test, of which `test` is what it says besides its name."""
    return f"tests:\n  - {{name: it is so, {test}}}\n"


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for member in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from objects(member)


def reads(text: str) -> bool:
    """Whether the file has no problems."""
    try:
        read_tests(text, "tests.yaml", {}, date(2026, 11, 21))
    except ConfigInvalid:
        return False
    return True


@pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in REGISTRY.items()])
def test_every_mapping_of_the_registry_is_described_key_by_key(kind: Keys) -> None:
    (described,) = (each for each in DESCRIBED if each.keys is kind)

    assert sorted(described.values) == sorted(kind.names)
    assert all(re.fullmatch(r".{5,}\.", str(value["description"])) for value in described.values.values())


def test_schema_is_one_and_whole() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    used = {found["$ref"].removeprefix("#/$defs/") for found in objects(SCHEMA) if "$ref" in found}
    assert used == set(SCHEMA["$defs"])


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    "block", [pytest.param(block, id=block.name) for block in all_blocks("yaml") if block.wrapper == "tests"]
)
def test_tests_of_the_documents_validate(block: Any, reading: Callable[[str], Any]) -> None:
    if block.text.startswith("# XO"):  # a mistake, shown on purpose
        return
    assert [error.message for error in VALIDATOR.iter_errors(reading(block.text))] == []


GOOD = [
    f"from: https://a.example, {REQUEST}, expect: allowed",
    f"from: [https://a.example, 'null', null], {REQUEST}, expect: blocked",
    f"from: {{origin: null, headers: {{Cross-Origin-Embedder-Policy: require-corp}}}}, {REQUEST}, expect: blocked",
    f"from: [{{origin: https://a.example}}], {REQUEST}, embed: image, browser: [chrome, safari], expect: blocked",
    "page: https://www.example.com/, expect: {cross_origin_isolated: false}",
    "page: [HTTPS://www.example.com/, 'http://b:80'], popup: https://b.example/, expect: {opener: kept}",
    "from: https://a.example, websocket: wss://b.example/, expect: {outcome: blocked, status: 403}",
    "from: https://a.example, request: {url: https://b, method: patch, credentials: omit, mode: no-cors}, expect: allowed",
    "from: https://a.example, request: {url: https://b, headers: {X-A: 1}}, expect: {preflight: true, readable: [X-A]}",
    f"from: https://a.example, {REQUEST}, expect: {{fields: {{X-A: absent, X-B: {{contains: b}}, X-C: yes}}}}",
    f"from: https://a.example, {REQUEST}, expect: {{step: CORS check, route: default}}",
    f"from: https://a.example, {REQUEST}, upstream: {{status: 204, headers: {{X-A: [a, b]}}}}, expect: allowed",
]
BAD = [
    "from: https://a.example/, request: {url: https://b/}, expect: allowed",
    f"page: https://a.example/, from: https://a.example, {REQUEST}, expect: allowed",
    f"{REQUEST}, expect: allowed",
    "from: https://a.example, expect: allowed",
    f"from: https://a.example, {REQUEST}, popup: https://b/, expect: allowed",
    f"from: https://a.example, {REQUEST}",
    f"from: https://a.example, {REQUEST}, expect: fine",
    f"from: https://a.example, {REQUEST}, expect: {{}}",
    f"from: https://a.example, {REQUEST}, expect: {{status: 1000}}",
    "from: https://a.example, request: {url: /items}, expect: allowed",
    "from: https://a.example, request: {}, expect: allowed",
    "from: https://a.example, request: {url: https://b/, mode: navigate}, expect: allowed",
    "page: https://a.example/, embed: image, expect: allowed",
    f"from: https://a.example, {REQUEST}, embed: picture, expect: allowed",
    f"from: https://a.example, {REQUEST}, browser: netscape, expect: allowed",
    f"from: https://a.example, {REQUEST}, upstream: {{status: 101}}, expect: allowed",
    f"form: https://a.example, {REQUEST}, expect: allowed",
    "from: https://a.example, websocket: ftp://b/, expect: allowed",
]


@pytest.mark.parametrize("test", GOOD)
@pytest.mark.parametrize("reading", READINGS)
def test_test_that_reads_validates(test: str, reading: Callable[[str], Any]) -> None:
    assert reads(one(test))
    assert [error.message for error in VALIDATOR.iter_errors(reading(one(test)))] == []


@pytest.mark.parametrize("test", BAD)
@pytest.mark.parametrize("reading", READINGS)
def test_test_that_does_not_read_is_refused(test: str, reading: Callable[[str], Any]) -> None:
    assert not reads(one(test))
    assert not VALIDATOR.is_valid(reading(one(test)))


@pytest.mark.parametrize("text", ["tests: []\n", "config: x.yaml\n", "test: []\n", "[]\n"])
def test_file_without_tests_is_refused(text: str) -> None:
    assert not reads(text)
    assert not VALIDATOR.is_valid(as_1_2(text))
