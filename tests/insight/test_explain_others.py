"""What is behind the policy file and what is another server's: the two sides of one question have one policy each, or none."""

import pytest
from support.configs import compiled

from xoproxy.browser import corp_check
from xoproxy.insight.explaining import Asked, Explanation, QuestionError, explain, read_question

NAMED = compiled("""
version: 1
upstream: http://app:1
routes:
  - {match: {host: www.example.com}, policy: {coop: same-origin, coep: require-corp, corp: same-origin}}
  - {match: {host: "*.cdn.example"}, policy: {corp: same-origin}}
""")
UNNAMED = compiled("version: 1\nupstream: http://app:1\npolicy: isolated\n")
PAGE = "https://www.example.com/editor"
OTHER = "https://images.example.net/logo.png"
CDN = "https://a.cdn.example/logo.png"
AGREES = ("Cross-Origin-Resource-Policy: cross-origin",)


def ask(loaded: object, url: str = OTHER, **words: object) -> Explanation:
    asked = Asked("GET", url, **{"page": PAGE, "destination": "image", "browsers": "chrome", **words})  # type: ignore[arg-type]
    return explain(loaded, read_question(asked, loaded))  # type: ignore[arg-type]


def is_ours(explanation: Explanation) -> bool:
    """Whether the URL was taken to be behind the file."""
    (opinion,) = explanation.opinions
    return opinion.exchanges[-1].routing is not None


@pytest.mark.parametrize(
    ("loaded", "words", "ours"),
    [
        pytest.param(NAMED, {}, False, id="page-named-url-not"),
        pytest.param(NAMED, {"url": CDN}, True, id="both-named"),
        pytest.param(NAMED, {"page": "https://shop.example.org/"}, True, id="neither-named"),
        pytest.param(NAMED, {"page": "", "origin": "https://www.example.com"}, True, id="only-an-origin"),
        pytest.param(NAMED, {"hosts": "images.example.net"}, True, id="named-by-option"),
        pytest.param(NAMED, {"hosts": " *.Example.NET ,x.example"}, True, id="named-by-a-wildcard-of-the-option"),
        pytest.param(UNNAMED, {}, True, id="no-hosts-in-the-file"),
        pytest.param(UNNAMED, {"hosts": "www.example.com"}, False, id="page-named-by-option"),
        pytest.param(UNNAMED, {"hosts": "api.example.com", "page": ""}, False, id="hosts-without-a-page"),
        pytest.param(UNNAMED, {"hosts": "www.example.com", "url": "https://www.example.com/x.png"}, True, id="of-the-page"),
        pytest.param(UNNAMED, {"hosts": "*.example.net"}, True, id="url-named-by-option"),
    ],
)
def test_a_url_is_anothers_if_the_page_is_ours_and_it_is_not(loaded: object, words: dict[str, str], ours: bool) -> None:
    explanation = ask(loaded, **words)

    assert is_ours(explanation) is ours
    assert any("is another server's" in note for note in explanation.notes) is not ours


@pytest.mark.parametrize(
    ("loaded", "hosts", "written"),
    [
        (NAMED, "", "coep: credentialless"),
        (UNNAMED, "www.example.com", "policy: [isolated, {coep: credentialless}]"),
    ],
)
def test_what_an_isolated_page_may_embed_is_for_its_own_policy_to_change(loaded: object, hosts: str, written: str) -> None:
    """Fetch, "cross-origin resource policy check": the embedder policy is the page's, the field another server's."""
    explanation = ask(loaded, hosts=hosts)
    decisive = explanation.opinions[0].verdict.decisive

    assert not explanation.allowed
    assert decisive is not None
    assert decisive.anchor == corp_check.ANCHOR
    assert "embedder policy require-corp" in decisive.why
    assert [change.yaml for change in explanation.remedies[0].placements] == [written]
    assert ask(loaded, hosts=hosts, backend_headers=AGREES).allowed


def test_a_page_that_nobody_knows_may_be_said_to_be_behind_the_file() -> None:
    explanation = ask(UNNAMED)

    assert any("say so by --hosts" in note for note in explanation.notes)
    assert not any("--hosts" in note for note in ask(UNNAMED, hosts="www.example.com").notes)


def test_hosts_are_written_as_in_routes() -> None:
    with pytest.raises(QuestionError, match=r'--hosts: "https://a\.example/" is not a host .* write "a\.example"'):
        ask(UNNAMED, hosts="https://a.example/")
    assert read_question(Asked("GET", OTHER, hosts="a.example, a.example,"), UNNAMED).hosts == ("a.example",)
    assert read_question(Asked("GET", OTHER), UNNAMED).hosts == ()
