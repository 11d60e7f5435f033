"""May this page embed this response?  (Fetch §3.7, "cross-origin resource policy check")"""

from typing import Final, assert_never

from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.hops import Client
from xoproxy.browser.model import Fields, Step
from xoproxy.browser.policies import RESOURCE, combined, resource_policy
from xoproxy.browser.sites import host_of, same_origin, scheme_of, schemelessly_same_site
from xoproxy.policy.model import EmbedderPolicy, ResourcePolicy
from xoproxy.semantics.hosts import address_of
from xoproxy.slotted import dataclass

ANCHOR: Final = "https://fetch.spec.whatwg.org/#cross-origin-resource-policy-check"
NAME: Final = "cross-origin resource policy check"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A response that a page is to have without reading it.

    `target`: the serialized origin that gave it.  `credentialed`: the request went with cookies.
    `for_navigation`: it becomes a page in a frame of the client.
    """

    client: Client
    target: bytes
    fields: Fields
    credentialed: bool = False
    for_navigation: bool = False


def corp_check(embedding: Embedding) -> Step:
    """Conclude whether the page may have the response: by what the response says, then by each of the page's own policies."""
    step = _internal_check(embedding, EmbedderPolicy.UNSAFE_NONE)
    for embedder in embedding.client.embedders:
        if not step.holds:
            break
        step = _internal_check(embedding, embedder)
    return step


def _internal_check(embedding: Embedding, embedder: EmbedderPolicy) -> Step:
    """Conclude the "cross-origin resource policy internal check"."""
    if embedding.for_navigation and embedder is EmbedderPolicy.UNSAFE_NONE:
        return _step("a page without embedder policy may frame anything", holds=True)
    read = resource_policy(embedding.fields)
    if read.value is not None:
        return _decide(embedding, read.value, f"Cross-Origin-Resource-Policy is {read.value.value}")
    missing = "Cross-Origin-Resource-Policy is missing"
    said = missing if read.ignored is None else f"Cross-Origin-Resource-Policy is void ({read.ignored})"
    if combined(embedding.fields, RESOURCE) and deviates(embedding.client.engine, Deviation.VOID_CORP_FORBIDS_NOTHING):
        return _step(f"{said}, which {embedding.client.engine.value} takes for consent", holds=True)
    if _wants_consent(embedding, embedder):
        taken = f"{said}, which counts as same-origin for a page with the embedder policy {embedder.value}"
        return _decide(embedding, ResourcePolicy.SAME_ORIGIN, taken)
    return _step(f"{said}, which forbids nothing to this page", holds=True)


def _wants_consent(embedding: Embedding, embedder: EmbedderPolicy) -> bool:
    """Whether a response that says nothing must not be embedded across origins."""
    match embedder:
        case EmbedderPolicy.REQUIRE_CORP:
            return True
        case EmbedderPolicy.CREDENTIALLESS:
            return embedding.credentialed or embedding.for_navigation
        case _:
            return False


def _decide(embedding: Embedding, policy: ResourcePolicy, said: str) -> Step:
    origin, target = embedding.client.origin, embedding.target
    names = origin.decode("ascii"), target.decode("ascii")
    match policy:
        case ResourcePolicy.CROSS_ORIGIN:
            return _step(said, holds=True)
        case ResourcePolicy.SAME_ORIGIN:
            same = same_origin(origin, target)
            return _step(f"{said}, and {names[0]} {'is' if same else 'is not'} the origin {names[1]}", holds=same)
        case ResourcePolicy.SAME_SITE:
            return _same_site(embedding, said)
        case _:
            assert_never(policy)


def _same_site(embedding: Embedding, said: str) -> Step:
    origin, target = embedding.client.origin, embedding.target
    names = origin.decode("ascii"), target.decode("ascii")
    if not schemelessly_same_site(origin, target) or _is_address_of_no_site(embedding):
        return _step(f"{said}, and {names[0]} is not of the site of {names[1]}", holds=False)
    if scheme_of(origin) != "https" and scheme_of(target) == "https":
        return _step(f"{said}, and {names[0]} is not https as {names[1]} is", holds=False)
    return _step(f"{said}, and {names[0]} is of the site of {names[1]}", holds=True)


def _is_address_of_no_site(embedding: Embedding) -> bool:
    if same_origin(embedding.client.origin, embedding.target) or address_of(host_of(embedding.target)) is None:
        return False
    return deviates(embedding.client.engine, Deviation.ADDRESSES_ARE_NO_SITES)


def _step(why: str, *, holds: bool) -> Step:
    return Step(NAME, ANCHOR, holds, why)
