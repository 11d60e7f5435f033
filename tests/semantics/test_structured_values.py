"""Structured field values: what is read of others' (RFC 9651 §4.2), and what we write (§4.1)."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.structured import (
    BareItem,
    Date,
    DisplayString,
    InnerList,
    Item,
    Member,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    serialize_dictionary,
    serialize_inner_list,
    serialize_item,
    serialize_string,
)

REQUIRE_CORP = Item(Token("require-corp"))


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        pytest.param(b"require-corp", Token("require-corp"), id="token"),
        pytest.param(b"Require-Corp", Token("Require-Corp"), id="token-case-stays"),
        pytest.param(b"*", Token("*"), id="token-star"),
        pytest.param(b"a:b/c%d", Token("a:b/c%d"), id="token-odd"),
        pytest.param(b'"require-corp"', "require-corp", id="string"),
        pytest.param(b'""', "", id="string-empty"),
        pytest.param(b'"a\\"b\\\\c"', 'a"b\\c', id="string-escapes"),
        pytest.param(b"?1", True, id="true"),
        pytest.param(b"?0", False, id="false"),
        pytest.param(b"-999999999999999", -999999999999999, id="integer"),
        pytest.param(b"007", 7, id="integer-zeros"),
        pytest.param(b"1.50", 1.5, id="decimal"),
        pytest.param(b"-999999999999.999", -999999999999.999, id="decimal-longest"),
        pytest.param(b":aGk=:", b"hi", id="bytes"),
        pytest.param(b":aGk:", b"hi", id="bytes-unpadded"),
        pytest.param(b"::", b"", id="bytes-empty"),
        pytest.param(b"@1659578233", Date(1659578233), id="date"),
        pytest.param(b"@-1", Date(-1), id="date-before-1970"),
        pytest.param(b'%"f%c3%bc%22"', DisplayString('f\u00fc"'), id="display-string"),
    ],
)
def test_bare_items_are_read(value: bytes, bare: BareItem) -> None:
    """One kind for each of RFC 9651 §3.3; a Token is no String, and true is not 1."""
    read = parse_item(value)

    assert read is not None
    assert read.value == bare
    assert type(read.value) is type(bare)
    assert read == Item(bare)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"require-corp;", id="trailing-semicolon"),
        pytest.param(b"same-origin; foo=bar;", id="trailing-semicolon-after-a-parameter"),
        pytest.param(b"require-corp;\tfoo=bar", id="tab-after-the-semicolon"),
        pytest.param(b"same-origin ;foo=bar", id="space-before-the-semicolon"),
        pytest.param(b"same-origin\t;foo=bar", id="tab-before-the-semicolon"),
        pytest.param(b"require-corp, require-corp", id="two-lines"),
        pytest.param(b", require-corp", id="an-empty-line-and-one"),
        pytest.param(b"require-corp, ", id="one-and-an-empty-line"),
        pytest.param(b"require-corp require-corp", id="two-words"),
        pytest.param(b"'require-corp'", id="single-quotes"),
        pytest.param(b"(require-corp)", id="inner-list"),
        pytest.param(b"caf\xc3\xa9", id="not-ascii"),
        pytest.param(b"a;B=1", id="upper-case-key"),
        pytest.param(b"a;=1", id="no-key"),
        pytest.param(b"a;b=", id="no-parameter-value"),
        pytest.param(b"a;b =1", id="space-before-equals"),
        pytest.param(b"a;b= 1", id="space-after-equals"),
        pytest.param(b"a;b=(c)", id="inner-list-in-a-parameter"),
        pytest.param(b'"a', id="string-unclosed"),
        pytest.param(b'"a\\', id="string-ends-in-a-backslash"),
        pytest.param(b'"\\a"', id="string-bad-escape"),
        pytest.param(b'"a\x7f"', id="string-del"),
        pytest.param(b'"\xc3\xa9"', id="string-not-ascii"),
        pytest.param(b"?2", id="boolean-two"),
        pytest.param(b"?", id="boolean-nothing"),
        pytest.param(b"-", id="sign-alone"),
        pytest.param(b"--1", id="two-signs"),
        pytest.param(b"1000000000000000", id="integer-long"),
        pytest.param(b"1.", id="decimal-no-fraction"),
        pytest.param(b"1.2345", id="decimal-long-fraction"),
        pytest.param(b"1234567890123.1", id="decimal-long"),
        pytest.param(b".5", id="decimal-no-integer"),
        pytest.param(b":a-b:", id="bytes-url-alphabet"),
        pytest.param(b":aGk=", id="bytes-unclosed"),
        pytest.param(b"@1.5", id="date-decimal"),
        pytest.param(b"@", id="date-nothing"),
        pytest.param(b"@999999999999999", id="date-beyond-9999"),
        pytest.param(b'%"%C3%BC"', id="display-string-upper-case"),
        pytest.param(b'%"%ff"', id="display-string-no-utf-8"),
        pytest.param(b"%a", id="display-string-no-quote"),
    ],
)
def test_what_is_no_item_is_none(value: bytes) -> None:
    """Failing parsing is failing whole: browsers ignore such a field altogether (RFC 9651 §4.2; HTML §7.1.4)."""
    assert parse_item(value) is None


@pytest.mark.parametrize(
    ("value", "params"),
    [
        pytest.param(b"require-corp", {}, id="none"),
        pytest.param(b" require-corp\t", {}, id="white-space-around"),
        pytest.param(b"require-corp; foo=bar", {"foo": Token("bar")}, id="space"),
        pytest.param(b"require-corp;   foo=bar", {"foo": Token("bar")}, id="spaces"),
        pytest.param(b'require-corp;report-to="a b"', {"report-to": "a b"}, id="string"),
        pytest.param(b"require-corp;require-corp", {"require-corp": True}, id="boolean"),
        pytest.param(b"require-corp;a;b=?0;c=1", {"a": True, "b": False, "c": 1}, id="several"),
        pytest.param(b"require-corp;a=1;b;a=2", {"a": 2, "b": True}, id="the-last-of-a-key"),
        pytest.param(b"require-corp;*a_-.*0", {"*a_-.*0": True}, id="odd-key"),
    ],
)
def test_parameters_are_read(value: bytes, params: dict[str, BareItem]) -> None:
    """RFC 9651 §4.2.3.2; Chromium and web-platform-tests agree for these values of Cross-Origin-Embedder-Policy."""
    assert parse_item(value) == Item(Token("require-corp"), params)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        pytest.param(b"", (), id="empty"),
        pytest.param(b"a", (Item(Token("a")),), id="one"),
        pytest.param(b"a,b", (Item(Token("a")), Item(Token("b"))), id="two"),
        pytest.param(b"a\t , \tb", (Item(Token("a")), Item(Token("b"))), id="white-space"),
        pytest.param(b"()", (InnerList(()),), id="inner-empty"),
        pytest.param(b'(a  "b" );c', (InnerList((Item(Token("a")), Item("b")), {"c": True}),), id="inner"),
        pytest.param(
            b"(a;x=1 b);y", (InnerList((Item(Token("a"), {"x": 1}), Item(Token("b"))), {"y": True}),), id="inner-params"
        ),
        pytest.param(b"a,", None, id="trailing-comma"),
        pytest.param(b",a", None, id="leading-comma"),
        pytest.param(b"a,,b", None, id="two-commas"),
        pytest.param(b"a b", None, id="no-comma"),
        pytest.param(b"(a", None, id="inner-unclosed"),
        pytest.param(b"(a\tb)", None, id="inner-tab"),
        pytest.param(b'("a""b")', None, id="inner-no-space"),
        pytest.param(b"(a)b", None, id="inner-and-more"),
        pytest.param(b"((a))", None, id="inner-of-inner"),
    ],
)
def test_lists_are_read(value: bytes, members: tuple[Member, ...] | None) -> None:
    """RFC 9651 §4.2.1."""
    assert parse_list(value) == members


@pytest.mark.parametrize(
    ("value", "members"),
    [
        pytest.param(b"", {}, id="empty"),
        pytest.param(b"a", {"a": Item(value=True)}, id="key-alone"),
        pytest.param(b"a;x, b=?0", {"a": Item(True, {"x": True}), "b": Item(value=False)}, id="key-with-parameters"),
        pytest.param(b'main="/r",far="https://a"', {"main": Item("/r"), "far": Item("https://a")}, id="strings"),
        pytest.param(b"a=(), b=(x);y", {"a": InnerList(()), "b": InnerList((Item(Token("x")),), {"y": True})}, id="inner"),
        pytest.param(b"a=1,b=2,a=3", {"a": Item(3), "b": Item(2)}, id="the-last-of-a-key"),
        pytest.param(b"a=1,", None, id="trailing-comma"),
        pytest.param(b"A=1", None, id="upper-case-key"),
        pytest.param(b"a=", None, id="no-value"),
        pytest.param(b"a =1", None, id="space-before-equals"),
        pytest.param(b"a= 1", None, id="space-after-equals"),
        pytest.param(b"a=1 b=2", None, id="no-comma"),
        pytest.param(b"a==1", None, id="two-equals"),
        pytest.param(b"1=a", None, id="digit-key"),
    ],
)  # fmt: skip
def test_dictionaries_are_read(value: bytes, members: dict[str, Member] | None) -> None:
    """RFC 9651 §4.2.2."""
    assert parse_dictionary(value) == members


def test_of_a_key_that_stands_twice_the_place_is_the_first() -> None:
    """The value is overwritten where it stands (RFC 9651 §4.2.2, step 8)."""
    members = parse_dictionary(b"a=1,b=2,a=3")

    assert members is not None
    assert list(members) == ["a", "b"]


PIECES = [b"a", b"*", b'"', b"\\", b";", b"=", b",", b" ", b"\t", b"(", b")", b"?1", b":", b"@", b"%", b"1", b".", b"-"]
VALUES = st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join)


@pytest.mark.parametrize("parse", [parse_item, parse_list, parse_dictionary])
@given(value=VALUES | st.binary(max_size=40))
def test_no_value_raises(parse: Callable[[bytes], object], value: bytes) -> None:
    """Whatever a backend sends is read, or is none; cut off anywhere too."""
    for end in range(len(value) + 1):
        parse(value[:end])


@given(value=VALUES)
def test_an_item_is_a_list_of_one_and_nothing_else_may_follow(value: bytes) -> None:
    """The three kinds have one grammar for items (RFC 9651 §4.2)."""
    item = parse_item(value)
    if item is not None:
        assert parse_list(value) == (item,)
        assert parse_dictionary(b"k=" + value.strip(b" \t")) == {"k": item}
        for more in (b")", b"=", b"\x80", b" a", b";", b","):
            assert parse_item(value.strip(b" \t") + more) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("", b'""'), ("main", b'"main"'), ('a"b', b'"a\\"b"'), ("a\\b", b'"a\\\\b"'), ('\\"', b'"\\\\\\""'), ("a b", b'"a b"')],
)  # fmt: skip
def test_strings(text: str, value: bytes) -> None:
    """Quoted; quotes and backslashes escaped (RFC 9651 §4.1.6)."""
    assert serialize_string(text) == value


@pytest.mark.parametrize("text", ["\u00e9", "a\nb", "a\0", "\x7f"])
def test_what_a_string_cannot_hold_is_our_own_fault(text: str) -> None:
    """`config` has checked it; a line feed here would be a field line of its own."""
    with pytest.raises(AssertionError):
        serialize_string(text)


def test_items_are_written() -> None:
    """RFC 9651 §4.1.3, with a space after semicolons that parsers must take (§4.2.3.2)."""
    assert serialize_item(REQUIRE_CORP) == b"require-corp"
    assert serialize_item(Item(value=True)) == b"?1"
    assert serialize_item(Item(value=False)) == b"?0"
    assert serialize_item(Item(Token("a"), {"report-to": "x", "y": True, "z": False})) == b'a; report-to="x"; y; z=?0'


def test_inner_lists_are_written() -> None:
    """RFC 9651 §4.1.1.1."""
    assert serialize_inner_list(InnerList(())) == b"()"
    assert serialize_inner_list(InnerList((Item(Token("self")), Item("https://a.example")), {"r": "x"})) == (
        b'(self "https://a.example"); r="x"'
    )


def test_dictionaries_are_written() -> None:
    """Members in order; what is true is its key alone (RFC 9651 §4.1.2)."""
    members = (("b", Item("/x")), ("a", Item("y", {"p": Token("t")})), ("c", InnerList(())), ("d", Item(True, {"e": True})))

    assert serialize_dictionary([]) == b""
    assert serialize_dictionary(members) == b'b="/x", a="y"; p=t, c=(), d; e'


def test_kinds_that_nothing_sends_are_our_own_fault() -> None:
    with pytest.raises(AssertionError):
        serialize_item(Item(1.5))


KEYS = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,8}", fullmatch=True)
BARE = (
    st.booleans()
    | st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E))
    | st.from_regex(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]{0,8}", fullmatch=True).map(Token)
)
ITEMS = st.builds(Item, BARE, st.dictionaries(KEYS, BARE, max_size=3))
INNER = st.builds(InnerList, st.lists(ITEMS, max_size=3).map(tuple), st.dictionaries(KEYS, BARE, max_size=3))


@given(ITEMS)
def test_items_are_read_back(item: Item) -> None:
    """What we write, the RFC's own algorithm reads as what was meant."""
    assert parse_item(serialize_item(item)) == item


@given(st.dictionaries(KEYS, ITEMS | INNER, max_size=4))
def test_dictionaries_are_read_back(members: dict[str, Member]) -> None:
    read = parse_dictionary(serialize_dictionary(members.items()))

    assert read == members
    assert list(read or ()) == list(members)


def test_reading_is_imported_when_a_value_is_read() -> None:
    """A process that reads no structured field does not pay for it."""
    program = (
        "import sys; from xoproxy.semantics import structured as s; assert 'http_sf' not in sys.modules; s.parse_item(b'a')"
    )

    subprocess.run([sys.executable, "-c", program + "; assert 'http_sf' in sys.modules"], check=True)
