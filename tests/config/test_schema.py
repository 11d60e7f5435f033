"""The schema says what the loader says, as far as a schema can know: whatever loads validates, and what it misses is listed."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.markdown import Block, all_blocks, whole_file
from support.typed_yaml import as_1_1, as_1_2

from xoproxy.config import addresses, collecting, conditions, features, keys, origins, policies, sections, telling, upstreams
from xoproxy.config import values as parsers
from xoproxy.config.problems import Refused
from xoproxy.config.schema import DESCRIBED, policy_file_schema
from xoproxy.config.schema import values as described_values
from xoproxy.config.schema.forms import either, off, up_to

CASES = Path(__file__).parent / "cases"
SCHEMA = policy_file_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
READINGS: list[Callable[[str], Any]] = [as_1_1, as_1_2]


class Unknowable(NamedTuple):
    """What no schema finds.  `cases`: the files in which it does not, where it does in others; None: in none."""

    id: str
    reason: str
    cases: frozenset[str] | None = None


TYPED = "typed as YAML types it, the value is one that we take"
TABLE = [
    Unknowable("XO009", "of two equal keys an editor's parser tells, or shows the schema one"),
    Unknowable(
        "XO010",
        "tags and merge keys are gone when the schema sees the values",
        frozenset({"tag", "merge-key", "problems.md XO010"}),
    ),
    Unknowable("XO012", "what the environment holds", frozenset({"env-empty"})),
    Unknowable(
        "XO014",
        "about two parts of the file, or said in another file of the directory",
        frozenset({"listen-proxied-by-nobody", "no-version", "problems.md XO014"}),
    ),
    Unknowable("XO015", "what the environment holds", frozenset({"env-in-list", "env-undefined", "problems.md XO015"})),
    Unknowable("XO016", TYPED, frozenset({"version-octal"})),
    Unknowable("XO101", TYPED, frozenset({"request-id"})),
    Unknowable("XO104", "another part of the policy may carry the dangerous key"),
    Unknowable("XO105", "another part of the policy may carry the dangerous key"),
    Unknowable("XO106", "the public suffix list"),
    Unknowable("XO107", "another part of the policy may carry the dangerous key"),
    Unknowable("XO108", "another part of the policy may take the regular expressions back", frozenset({"regex-and-any"})),
    Unknowable("XO109", "another part of the policy may name the origins", frozenset({"no-origins", "problems.md XO109"})),
    Unknowable("XO118", "names are compared without case, and between mappings"),
    Unknowable("XO119", "which policies there are"),
    Unknowable("XO121", "what policies are made of"),
    Unknowable("XO122", "which endpoints there are"),
    Unknowable("XO124", "another part of the policy may take allow_credentials back"),
    Unknowable("XO127", "another part of the policy may name them", frozenset({"problems.md XO127"})),
    Unknowable("XO140", "RE2's grammar", frozenset({"problems.md XO140"})),
    Unknowable("XO141", "how deep groups are", frozenset({"problems.md XO141"})),
    Unknowable("XO142", "another part of the policy may take legacy_private_network back"),
    Unknowable("XO201", "IPv6's grammar; `no` is false to YAML 1.1, as `off`", frozenset({"address-ipv6-bad", "admin-no"})),
    Unknowable("XO202", "a word may name an upstream", frozenset({"upstream-undeclared"})),
    Unknowable(
        "XO203",
        "which upstreams there are",
        frozenset({"route-undeclared", "route-unknown-upstream", "upstream-unknown", "problems.md XO203"}),
    ),
    Unknowable("XO205", TYPED, frozenset({"problems.md XO205"})),
    Unknowable("XO204", "an option of the command may say it"),
    Unknowable("XO207", TYPED, frozenset({"credentials-case", "credentials-yes", "request-id", "problems.md XO207"})),
    Unknowable("XO208", "which bits a network has", frozenset({"problems.md XO208"})),
    Unknowable("XO211", "the environment may hold a token"),
    Unknowable("XO213", "the largest port, and what a path comes to", frozenset({"endpoint-port", "endpoint-front-page"})),
    Unknowable("XO214", "addresses are compared by what they mean"),
    Unknowable("XO216", "about the values of two keys", frozenset({"upstream-tls-plain"})),
]
KNOWN = {row.id: row for row in TABLE}


class Wrong(NamedTuple):
    """A file with problems: the name of its case, or of a document and what it shows there."""

    name: str
    ids: frozenset[str]
    text: str


def cases(kind: str) -> list[Path]:
    return sorted((CASES / kind).glob("*.yaml"))


POLICY_BLOCKS = [block for block in all_blocks("yaml") if block.wrapper != "tests"]


def shown(block: Block) -> list[str]:
    """Return the errors that a block of the documents shows on purpose; its first line names them."""
    first = block.text.partition("\n")[0]
    return re.findall(r"XO[0-24][0-9]{2}", first) if first.startswith("# XO") else []


def wrong_texts() -> Iterator[Wrong]:
    for path in cases("invalid"):
        text = path.read_bytes().decode("utf-8")
        yield Wrong(path.stem, frozenset(re.findall(r"XO[0-9]{3}", text.partition("\n")[0])), text)
    for block in POLICY_BLOCKS:
        if ids := shown(block):
            yield Wrong(f"{block.document} {' '.join(ids)}", frozenset(ids), whole_file(block))


def read(reading: Callable[[str], Any], text: str) -> tuple[Any, bool]:
    """Return the values, and whether there are any: an editor underlines what is no YAML without a schema."""
    try:
        return reading(text), True
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return None, False


def takes(text: str) -> list[bool]:
    """Whether editors with either reading would mark nothing."""
    found = [read(reading, text) for reading in READINGS]
    return [is_yaml and VALIDATOR.is_valid(value) for value, is_yaml in found]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every subschema."""
    if isinstance(schema, dict):
        yield schema
    for member in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from objects(member)


REGISTRY = {name: kind for name, kind in vars(keys).items() if isinstance(kind, keys.Keys)}


@pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in REGISTRY.items()])
def test_every_mapping_of_the_registry_is_described_key_by_key(kind: keys.Keys) -> None:
    """A new key cannot be forgotten."""
    (described,) = (each for each in DESCRIBED if each.keys is kind)

    assert sorted(described.values) == sorted(kind.names)
    assert list(described.schema()["properties"]) == list(kind.names)  # type: ignore[arg-type]  a mapping


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_definition_is_used_and_every_use_defined() -> None:
    used = {found["$ref"].removeprefix("#/$defs/") for found in objects(SCHEMA) if "$ref" in found}

    assert used == set(SCHEMA["$defs"])


def test_every_key_is_explained_and_no_mapping_takes_others() -> None:
    for described in DESCRIBED:
        schema = described.schema()
        assert schema["additionalProperties"] is False
        assert len(str(schema["description"])) > 15
        for name, value in described.values.items():
            assert re.fullmatch(r".{5,}\.", str(value["description"])), f"{described.name}.{name}"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in cases("valid")])
@pytest.mark.parametrize("reading", READINGS)
def test_valid_file_validates(path: Path, reading: Callable[[str], Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(reading(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("wrong", [pytest.param(wrong, id=wrong.name) for wrong in wrong_texts()])
def test_invalid_file_is_refused_unless_no_schema_can_know(wrong: Wrong) -> None:
    """And a file with nothing but what no schema can know is taken: the table says no more than is true."""
    taken = takes(wrong.text)
    rows = [KNOWN[kind] for kind in wrong.ids if kind in KNOWN]

    if any(taken):
        assert {row.id for row in rows} == wrong.ids
        assert all(row.cases is None or wrong.name in row.cases for row in rows)
    else:
        assert not any(row.cases is not None and wrong.name in row.cases for row in rows)
        assert not read(as_1_2, wrong.text)[1] or {row.id for row in rows if row.cases is None} != wrong.ids


def test_table_names_no_case_that_is_not_there() -> None:
    there = {wrong.name: wrong.ids for wrong in wrong_texts()}

    assert all(row.id in there[case] for row in TABLE for case in row.cases or ())
    assert {row.id for row in TABLE} <= {kind for ids in there.values() for kind in ids}
    assert len(KNOWN) == len(TABLE)


@pytest.mark.parametrize("block", [pytest.param(block, id=block.name) for block in POLICY_BLOCKS if not shown(block)])
@pytest.mark.parametrize("reading", READINGS)
def test_yaml_block_of_the_documents_validates(block: Block, reading: Callable[[str], Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(reading(whole_file(block)))] == []


def from_environment(value: Any) -> Any:
    """Return the same with a reference in the place of every scalar."""
    if isinstance(value, dict):
        return {key: from_environment(member) for key, member in value.items()}
    return [from_environment(member) for member in value] if isinstance(value, list) else "${SOME_NAME:-default}"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in cases("valid")])
def test_environment_may_give_any_value(path: Path) -> None:
    values = from_environment(as_1_2(path.read_text("utf-8")))

    assert [error.message for error in VALIDATOR.iter_errors(values)] == []


@pytest.mark.parametrize("reference", ["${BACK-END}", "http://${BACKEND", "${}", "${1A}", "x ${A} ${B"])
def test_reference_that_is_none_is_refused(reference: str) -> None:
    assert not VALIDATOR.is_valid({"version": 1, "policies": {"a": {"headers": {"set": {"X-A": reference}}}}})
    assert not VALIDATOR.is_valid({"version": 1, "upstream": reference})


class Pair(NamedTuple):
    """A parser, and the schema of what it takes.  `exact`: it takes nothing else."""

    parse: Callable[[str], object]
    schema: dict[str, Any]
    seeds: str
    exact: bool = True


def max_age(text: str) -> None:
    if parsers.whole_seconds(text) > 86400:
        raise Refused(parsers.Id.MAX_AGE, "too long")


def regular(parse: Callable[[str], object]) -> Callable[[str], object]:
    """Return a parser of list members: `"*"` is for the list to say."""

    def parse_member(text: str) -> object:
        if text == "*":
            raise Refused(parsers.Id.ANY_AND_MORE, "")
        return parse(text)

    return parse_member


PAIRS = {
    "duration": Pair(
        parsers.duration, described_values.DURATION, "0 5s 10m 1h 500ms 168h 10080m 604800 604800000ms 1:30 010 10sec"
    ),
    "timeout": Pair(parsers.timeout, described_values.TIMEOUT, "0 0s 1ms 10s 168h 010 00"),
    "max_age": Pair(max_age, described_values.MAX_AGE, "0 0ms 10m 24h 1000ms 86400 86400000ms 1440m 1500ms 25h"),
    "size": Pair(parsers.size, described_values.SIZE, "0 64KiB 1MiB 10GiB 5B 64k 1.5MiB"),
    "head_size": Pair(parsers.head_size, described_values.HEAD_SIZE, "1024 1023 1024B 16777216 16MiB 17MiB 1KiB 0KiB 16384KiB"),
    "day": Pair(
        parsers.day, described_values.DATE, "2027-01-31 2027-02-31 2027-11-31 2028-02-30 0000-01-01 2027-13-01", exact=False
    ),
    "name": Pair(parsers.name, described_values.NAME, "page a.b_c-d 9 -a no"),
    "endpoint": Pair(parsers.endpoint_name, described_values.ENDPOINT_NAME, "isolation a1 *x A 1a"),
    "origin": Pair(
        origins.origin,
        described_values.EXACT_ORIGIN,
        "https://a.example https://a.example:8443 http://localhost:5173 https://a.example:443 http://a:80 https://a-b.example "
        "http://10.0.0.1 http://[::1]:80 https://[2001:db8::1] app://x https://a.example/ HTTPS://a https://1.2.3 data://x wss://a",
        exact=False,
    ),
    "origin_pattern": Pair(
        origins.origin_pattern,
        described_values.ORIGIN,
        "https://*.a.example http://localhost:* https://*.a.example:* https://* https://*a.example https://*.10.0.0.1 null",
        exact=False,
    ),
    "method": Pair(parsers.method, described_values.METHOD, "GET PUT patch get NEW trace CONNECT M-SEARCH *"),
    "listed_method": Pair(regular(parsers.method), described_values.LISTED_METHOD, "GET * ** post"),
    "listed_field": Pair(regular(parsers.field_name), described_values.LISTED_FIELD, "X-A authorization * X-A,X-B a: b"),
    "exposable": Pair(
        regular(parsers.exposable_name), described_values.EXPOSABLE_FIELD, "X-A Set-Cookie set-cookie2 set-cookie3 *"
    ),
    "field_value": Pair(parsers.field_value, described_values.FIELD_VALUE, "DENY max-age=1 a\tb é a$b"),
    "editable": Pair(
        policies._editable_name,
        described_values.EDITABLE_FIELD,
        "X-Frame-Options vary Server access-control-x Cross-Origin-Opener-Policy TE te2 trailer",
    ),
    "request_id": Pair(
        sections._request_id,
        either(off(), described_values.REQUEST_ID),
        "X-Request-Id Host x-forwarded-for on TE none x_forwarded_for",
    ),
    "percentage": Pair(parsers.percentage, described_values.PERCENTAGE, "10% 0.5% 100% 100.1% 0% 10 .5% 1e2% 010% 0.1234567%"),
    "logged_field": Pair(
        telling.logged_field,
        described_values.LOGGED_FIELD,
        "User-Agent referer Authorization X-Api-Key x_auth_token X-Author Cookie Cookie2 token Token-Id a:",
    ),
    "export_url": Pair(
        telling.export_url,
        described_values.EXPORT_URL,
        "http://otel:4318 HTTPS://otel/v1/traces http://[::1]:4318 otel:4318 grpc://otel http://u@otel http://a?b http://a:0",
        exact=False,
    ),
    "upstream_url": Pair(
        addresses.upstream_url,
        described_values.UPSTREAM_URL,
        "http://app:5000 https://App http://[::1]:80 http+unix:/run/a.sock http+unix://a http://1.2.3.4:05 http://1.2.3 "
        "http://a:0 http://a/b http://-a HTTP://a http://a_b:65535 http://a:65536",
        exact=False,
    ),
    "own_address": Pair(
        addresses.own_address,
        described_values.OWN_ADDRESS,
        ":8080 127.0.0.1:0 [::]:80 localhost:65535 unix:/run/x.sock unix:run 1.2.3:80 *:80 :080 a:70000",
        exact=False,
    ),
    "address": Pair(addresses.address, described_values.ADDRESS, "systemd systemd:a systemd: :80", exact=False),
    "network": Pair(
        addresses.network,
        described_values.NETWORK,
        "10.0.0.0/8 192.168.1.7 ::1 fd00::/8 unix 10.0.0.0/255.0.0.0 fe80::1%e",
        exact=False,
    ),
    "route_host": Pair(
        addresses.route_host,
        described_values.ROUTE_HOST,
        "a.example *.A.example [::1] 10.0.0.1 localhost a*.b a:80 on",
        exact=False,
    ),
    "path_glob": Pair(
        addresses.path_glob,
        described_values.PATH_GLOB,
        "/api/** /*/b /a%20 /a/../b /*** /a?b /***** a /a/.b /*/*/*/*/*/*/*/*/*",
    ),
    "collector": Pair(
        addresses.collector, described_values.COLLECTOR, "https://r.example/x /reports upstream //a http://a", exact=False
    ),
    "store": Pair(
        collecting.store,
        described_values.STORE,
        "memory /var/lib/x.db //a /a/ postgresql://u:p@h/d postgresql://h:5432/d postgresql:///d postgresql://[::1]/d?sslmode=require",
        exact=False,
    ),
    "keep": Pair(collecting.keep, described_values.KEEP, "30d 400d 401d 12h 9600h 90m 1m 60 59s 60s 0 0d 34560000 030d 1w"),
    "delivery_size": Pair(
        collecting.delivery_size, described_values.DELIVERY_SIZE, "1024 1023 1023B 1KiB 0KiB 4096KiB 4MiB 5MiB 4194304 4194305"
    ),
    "allowed": Pair(
        features.allowed,
        described_values.ALLOWED,
        "self none 'self' https://a.example https://*.a.example https://a.example:8443 https://a:* http://10.0.0.1 null",
        exact=False,
    ),
    "value_glob": Pair(conditions.value_glob, described_values.VALUE_GLOB, "mobile-* a*b *********  x text/html"),
    "check_path": Pair(upstreams._check_path, described_values.CHECKED_PATH, "/healthz /a?b=1 /a#b a"),
}


VALIDATORS = {name: Draft202012Validator({"$defs": SCHEMA["$defs"], **pair.schema}) for name, pair in PAIRS.items()}


@st.composite
def slips(draw: st.DrawFn, seeds: str) -> str:
    """Draw one of the seeds with up to three characters changed, put in or left out, by those of the seeds."""
    text = draw(st.sampled_from(seeds.split(" ")))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", *sorted(set(seeds + "0.:-*/[Aa"))])) + text[at + draw(st.integers(0, 1)) :]
    return text


def is_taken(parse: Callable[[str], object], text: str) -> bool:
    """Whether the loader takes a text that is not empty and refers to no variable."""
    try:
        parse(text)
    except Refused:
        return False
    return bool(text.strip())


@pytest.mark.parametrize("name", PAIRS)
@given(data=st.data())
def test_schema_takes_every_value_that_the_parser_takes(name: str, data: st.DataObject) -> None:
    """As a text and as YAML types it; and, but for the grammars marked as loose, no text that the parser does not take."""
    pair, validator = PAIRS[name], VALIDATORS[name]
    text = data.draw(slips(pair.seeds))
    if "${" in text:
        return
    if is_taken(pair.parse, text):
        assert validator.is_valid(text)
        for reading in READINGS:
            assert all(validator.is_valid(value) for value in plain(reading, text))
    elif pair.exact:
        assert not validator.is_valid(text)


def plain(reading: Callable[[str], Any], text: str) -> list[Any]:
    """Return what a text without quotes is to an editor, if it is one value to YAML, the whole text and not nothing."""
    node, is_yaml = read(lambda source: yaml.compose(source, Loader=yaml.SafeLoader), text)
    if not is_yaml or not isinstance(node, yaml.ScalarNode) or node.value != text or node.tag.endswith((":null", ":str")):
        return []
    value, is_yaml = read(reading, text)
    return [value] if is_yaml and value is not None else []


@pytest.mark.parametrize(
    ("parse", "pattern", "seeds"),
    [
        (features.feature, described_values.FEATURES, "camera cross-origin-isolated value values -a Camera report_to"),
        (
            conditions.field_to_match,
            described_values.FIELDS_TO_MATCH,
            "X-Client host Hosts sec-fetch-dest TE Accept access-control-x",
        ),
        (policies._editable_name, described_values.EDITABLE, "Server vary Origin-Agent-Cluster integrity-policy X-A"),
    ],
)
@given(data=st.data())
def test_names_of_members_are_those_that_the_parser_takes(
    parse: Callable[[str], object], pattern: str, seeds: str, data: st.DataObject
) -> None:
    """But for `value`, which makes a mapping of permissions a long form."""
    text = data.draw(slips(seeds))

    assert (re.fullmatch(pattern, text) is not None) == (is_taken(parse, text) and text != "value")


def test_durations_and_sizes_are_written_as_they_are_read() -> None:
    for text in ("0", "1s", "90s", "5m", "1h", "168h"):
        assert parsers.written_duration(parsers.duration(text)) == text
    for text in ("1KiB", "32KiB", "1MiB", "1025KiB"):
        assert parsers.written_size(parsers.size(text)) == text


@given(st.integers(0, 70000), st.integers(0, 70000))
def test_bounded_number_pattern_takes_exactly_the_numbers_to_its_bound(most: int, number: int) -> None:
    pattern = re.compile(up_to(most))

    assert (pattern.fullmatch(str(number)) is not None) is (number <= most)
    assert pattern.fullmatch(f"0{number}") is None
    assert pattern.fullmatch(str(most)) is not None


SCRIPT = """
const {patterns, texts} = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(patterns.map(p => { const r = new RegExp(p, "u"); return texts.map(t => r.test(t)); })));
"""


def test_patterns_mean_the_same_in_javascript() -> None:
    """Editors match with JavaScript's engine, Unicode flag set; the interpreter that comes with Playwright is one."""
    driver = pytest.importorskip("playwright._impl._driver").compute_driver_executable()
    found = {schema["pattern"] for schema in objects(SCHEMA) if isinstance(schema.get("pattern"), str)}
    patterns, texts = sorted(found), sorted({seed for pair in PAIRS.values() for seed in pair.seeds.split(" ")})
    asked = json.dumps({"patterns": patterns, "texts": texts})
    ended = subprocess.run([driver[0], "-e", SCRIPT], input=asked, capture_output=True, text=True, check=False, timeout=60)

    assert ended.stderr == ""
    assert json.loads(ended.stdout) == [[re.search(pattern, text) is not None for text in texts] for pattern in patterns]
