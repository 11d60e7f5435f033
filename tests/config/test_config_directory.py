"""A directory of policy files is one configuration: united, in order, and never one file over another."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.config import ConfigInvalid, Loaded, Overrides, Text, Texts, compile_texts, load, read_texts
from xoproxy.config.compiler import digest_of
from xoproxy.config.source import MAX_FILE_BYTES, MAX_FILES, is_policy_file

DAY = date(2026, 11, 21)
BASE = "version: 1\nupstream: http://app:80\n"


def texts_of(*files: str) -> Texts:
    return Texts("conf.d", tuple(Text(f"conf.d/{at}.yaml", text) for at, text in enumerate(files)))


def compiled(*files: str) -> Loaded:
    return compile_texts(texts_of(*files), Overrides(), environ={}, today=DAY, number=1)


def problems(*files: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as raised:
        compiled(*files)
    return [str(problem) for problem in raised.value.problems]


def test_names_are_united_and_routes_follow_each_other_in_the_order_of_the_files() -> None:
    loaded = compiled(
        BASE + "policies: {page: {coop: same-origin}}\nreporting: {endpoints: {a: https://a.example/}}\n",
        "upstreams: {api: http://api:80}\nroutes: [{match: {path: /api/**}, upstream: api, policy: shared}]\n",
        "version: 1\npolicies: {shared: {corp: same-site, report_to: b}}\nreporting: {endpoints: {b: https://b.example/}}\n"
        "routes: [{match: {path: /x}, policy: [page, shared]}, {policy: page}]\nlog: {level: debug}\n",
    )
    routes = loaded.generation.routes.routes

    assert [(route.name, route.match.path, route.upstream, route.policy_name) for route in routes] == [
        ("routes[0]", "/api/**", "api", "shared"),
        ("routes[1]", "/x", routes[1].upstream, "page + shared"),
        ("routes[2]", None, routes[1].upstream, "page"),
    ]
    assert [name for name, _ in loaded.endpoints.urls] == ["a", "b"]
    assert loaded.generation.settings.log.level.value == "debug"
    assert loaded.generation.source == "conf.d"


def test_everything_keeps_the_place_in_its_file() -> None:
    loaded = compiled(BASE, "\nroutes: [{policy: isolated, expires: 2020-01-01}, {}]\n")

    assert [str(problem).partition(": XO")[0] for problem in loaded.warnings] == ["conf.d/1.yaml:2:38"]
    assert loaded.routes[0].places[""].mark.source == "conf.d/1.yaml"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            (BASE, "upstream: http://other:80\n"),
            ['conf.d/1.yaml:1:1: XO019 error: upstream: "upstream" stands in conf.d/0.yaml:2 already'],
            id="top-level-key",
        ),
        pytest.param(
            (BASE + "log: {level: debug}\n", "log: {level: debug}\n"),
            ['conf.d/1.yaml:1:1: XO019 error: log: "log" stands in conf.d/0.yaml:3 already'],
            id="even-if-it-says-the-same",
        ),
        pytest.param(
            (BASE + "policies:\n  a: isolated\n", "policies: {b: isolated, a: untouched}\n"),
            ['conf.d/1.yaml:1:25: XO019 error: policies.a: "a" stands in conf.d/0.yaml:4 already'],
            id="policy",
        ),
        pytest.param(
            (BASE + "upstreams: {a: http://a:80}\n", "\nupstreams: {a: http://a:80}\n"),
            ['conf.d/1.yaml:2:13: XO019 error: upstreams.a: "a" stands in conf.d/0.yaml:3 already'],
            id="upstream",
        ),
        pytest.param(
            (BASE + "reporting: {endpoints: {a: /r}}\n", "reporting: {endpoints: {a: /r}}\n"),
            ['conf.d/1.yaml:1:25: XO019 error: reporting.endpoints.a: "a" stands in conf.d/0.yaml:3 already'],
            id="endpoint",
        ),
        pytest.param(
            (BASE, "version: 2\n"),
            ['conf.d/1.yaml:1:1: XO019 error: version: "version" is another in conf.d/0.yaml:1'],
            id="version",
        ),
        pytest.param(
            (BASE + "routes: [{}]\n", "routes: {match: {path: /}}\n"),
            ["conf.d/1.yaml:1:9: XO011 error: routes: a list is wanted here and in conf.d/0.yaml:3"],
            id="no-list",
        ),
        pytest.param(
            (BASE + "policies:\n", "policies: {a: isolated}\n"),
            [
                "conf.d/0.yaml:3:10: XO012 error: policies: the value is empty; write one, or remove the key",
                "conf.d/1.yaml:1:11: XO011 error: policies: a mapping is wanted here and in conf.d/0.yaml:3",
            ],
            id="no-mapping",
        ),
        pytest.param(("upstream: http://a:80\n", "admin: off\n"), ["conf.d/0.yaml:1:1: XO014"], id="no-version"),
        pytest.param(
            (BASE + "lgo: {}\n", "routes: [{polcy: a}]\n"),
            [
                'conf.d/0.yaml:3:1: XO013 error: lgo: "lgo" is not a key of the policy file; ',
                'conf.d/1.yaml:1:11: XO013 error: routes[0].polcy: "polcy" is not a key of a route; did you mean `policy`?',
            ],
            id="problems-of-each",
        ),
        pytest.param(
            ("a: [\n", "version: 1\n", "", "x"),
            ["conf.d/0.yaml:2:1: XO005", "conf.d/2.yaml: XO004", "conf.d/3.yaml:1:1: XO011"],
            id="what-cannot-be-read-at-all",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_with_both_places(files: tuple[str, ...], expected: list[str]) -> None:
    """And nothing is told but that: files that cannot be read are all named."""
    found = problems(*files)

    assert len(found) == len(expected)
    assert all(any(problem.startswith(start) for problem in found) for start in expected), found


def test_options_are_laid_over_all_files() -> None:
    texts = texts_of("upstream: http://a:80\nversion: 1\n", "policy: isolated\n")
    loaded = compile_texts(texts, Overrides(upstream="http://b:80", policy="untouched"), environ={}, today=DAY, number=1)

    assert loaded.generation.settings.upstreams[0].endpoints[0].host == "b"
    assert loaded.generation.routes.routes[0].policy_name == "untouched"


def test_comments_silence_in_their_own_file_only() -> None:
    """The line of one file is not that of another."""
    loaded = compiled(BASE + "routes: [{}]\n", "# xoproxy: allow XO304 both are wanted\n\nroutes: [{policy: isolated}]\n")

    assert [allowance.place.mark.source for allowance in loaded.allowances] == ["conf.d/1.yaml"]


def test_digest_is_of_what_is_said_in_which_order() -> None:
    first, second = digest_of(texts_of("a", "b"), Overrides()), digest_of(texts_of("b", "a"), Overrides())
    joined = digest_of(texts_of("ab"), Overrides())

    assert len({first, second, joined, digest_of(texts_of("a", "b"), Overrides(policy="isolated"))}) == 4
    assert first == digest_of(Texts("elsewhere", (Text("x", "a"), Text("y", "b"))), Overrides())


@given(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6), st.integers(0, 6))
def test_a_file_cut_in_two_means_the_same(names: list[str], at: int) -> None:
    """Wherever a list of routes is cut, and whichever file has the policies."""
    policies = "policies: {p: {corp: same-site}}\n"
    routes = [f"  - {{match: {{path: /{name}}}, policy: p}}\n" for name in names]
    whole = compiled(BASE + policies + ("routes:\n" + "".join(routes) if routes else ""))
    first, second = ("".join(part) for part in (routes[:at], routes[at:]))
    cut = compiled(BASE + ("routes:\n" + first if first else ""), policies + ("routes:\n" + second if second else ""))

    assert [draft.route for draft in cut.routes] == [draft.route for draft in whole.routes]
    assert cut.generation.settings == whole.generation.settings


def fill(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)


def test_files_are_read_by_name_and_no_others(tmp_path: Path) -> None:
    fill(tmp_path, b__yaml="b", a__yml="a", c__yaml__bak="x", __hidden__yaml="x", README="x", Z__yaml="Z", d__json="x")
    (tmp_path / "sub.yaml").mkdir()
    (tmp_path / "sub.yaml" / "x.yaml").write_text("x")
    (tmp_path / "link.yaml").symlink_to("b.yaml")
    (tmp_path / "data").mkdir()
    (tmp_path / "more.yml").symlink_to("data")
    texts = read_texts(tmp_path)

    assert texts.name == str(tmp_path)
    assert [Path(part.name).name for part in texts.parts] == ["Z.yaml", "a.yml", "b.yaml", "link.yaml"]
    assert [part.text for part in texts.parts] == ["Z", "a", "b", "b"]
    assert texts.parts[0].name == str(tmp_path / "Z.yaml")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.yaml", True),
        ("a.yml", True),
        (".a.yaml", False),
        ("a.yaml~", False),
        ("a.YAML", False),
        ("yaml", False),
        (".yaml", False),
    ],
)
def test_names_of_policy_files(name: str, is_one: bool) -> None:
    assert is_policy_file(name) is is_one


def refused(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(ConfigInvalid) as raised:
        load(path, Overrides(), environ={}, today=DAY, number=1)
    return [(problem.id, problem.source) for problem in raised.value.problems]


def test_directory_without_policy_files_is_one_problem(tmp_path: Path) -> None:
    fill(tmp_path, README="version: 1")

    assert refused(tmp_path) == [("XO020", str(tmp_path))]


def test_directory_that_cannot_be_listed_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is simulated: root may list everything."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)

    assert refused(tmp_path) == [("XO001", str(tmp_path))]


def test_every_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    fill(tmp_path, good__yaml=BASE)
    (tmp_path / "broken.yaml").symlink_to("nowhere")
    (tmp_path / "latin.yaml").write_bytes(b"# \xe9\n")

    assert refused(tmp_path) == [("XO001", str(tmp_path / "broken.yaml")), ("XO002", str(tmp_path / "latin.yaml"))]


def test_files_are_bounded_together(tmp_path: Path) -> None:
    half = MAX_FILE_BYTES // 2
    fill(tmp_path, a__yaml="#" * half, b__yaml="#" * half)

    assert sum(len(part.text) for part in read_texts(tmp_path).parts) == MAX_FILE_BYTES

    fill(tmp_path, c__yaml="#", d__yaml="#")

    assert refused(tmp_path) == [("XO003", str(tmp_path))]


def test_number_of_files_is_bounded(tmp_path: Path) -> None:
    for at in range(MAX_FILES):
        (tmp_path / f"{at}.yaml").touch()

    assert len(read_texts(tmp_path).parts) == MAX_FILES

    (tmp_path / "one-more.yaml").touch()

    assert refused(tmp_path) == [("XO003", str(tmp_path))]
