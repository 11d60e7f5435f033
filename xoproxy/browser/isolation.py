"""Is a page cross-origin isolated: has it SharedArrayBuffer, precise timers and `crossOriginIsolated`?

Two ways lead there.  The opener policy ``same-origin`` of the top-level page with an embedder policy of every page from it down
(HTML §7.1.3, §7.1.4), and, in engines that have it, the page's own document isolation policy (WICG DIP).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xoproxy.browser.contexts import (
    document_isolation_of,
    embedder_of,
    is_compatible_with_isolation,
    is_credentialless,
    opener_of,
    sandboxes_of_response,
    secure_context,
)
from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.model import Document, Engine, Step, Verdict
from xoproxy.browser.permissions import ISOLATED, PERMISSIONS, ignored, may_use
from xoproxy.browser.policies import EMBEDDER, ISOLATION, OPENER, Read, embedder_policy, opener_policy
from xoproxy.browser.support import Feature, has
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy

_HTML: Final = "https://html.spec.whatwg.org/multipage/"
OBTAIN_OPENER: Final = _HTML + "browsers.html#obtain-coop"
OBTAIN_EMBEDDER: Final = _HTML + "browsers.html#obtain-an-embedder-policy"
ADHERENCE: Final = _HTML + "browsers.html#check-a-navigation-response's-adherence-to-its-embedder-policy"
NAVIGATION: Final = _HTML + "browsing-the-web.html#create-navigation-params-by-fetching"
CAPABILITY: Final = _HTML + "webappapis.html#concept-settings-object-cross-origin-isolated-capability"
OBTAIN_ISOLATION: Final = "https://wicg.github.io/document-isolation-policy/#obtain-dip"


def isolation(page: Document, engine: Engine) -> Verdict:
    """Conclude whether `page` is cross-origin isolated.  (HTML §8.1.3.2, "cross-origin isolated capability")

    A page that cannot be shown at all, because a page above it has an embedder policy and it has none, is not isolated either.
    """
    by_itself = document_isolation_of(page, engine)
    notes = _notes(page, engine, by_itself)
    ways = _by_document_isolation if by_itself.value is not DocumentIsolation.NONE else _by_opener_and_embedder
    steps: list[Step] = []
    for step in ways(page, engine):
        steps.append(step)
        if not step.holds:
            break
    return Verdict(steps[-1].holds, tuple(steps), notes=notes)


def opener_step(page: Document, engine: Engine) -> Step:
    """Conclude whether the opener policy of a top-level page is the one that isolates."""
    read = opener_of(page, engine)
    holds = read.value is OpenerPolicy.SAME_ORIGIN
    return Step("obtain an opener policy", OBTAIN_OPENER, holds=holds, why=_why(OPENER, page, read, "same-origin"))


def embedder_step(page: Document, engine: Engine) -> Step:
    """Conclude whether the embedder policy of a page is "compatible with cross-origin isolation"."""
    read = embedder_of(page, engine)
    holds = is_compatible_with_isolation(read.value)
    wanted = " or ".join(value for value in ("require-corp", "credentialless") if _knows(engine, value))
    return Step("obtain an embedder policy", OBTAIN_EMBEDDER, holds=holds, why=_why(EMBEDDER, page, read, wanted))


def sandbox_step(page: Document, engine: Engine) -> Step:
    """Conclude whether a top-level page can be shown: an opener policy and a sandbox are a network error.  (HTML §7.4.5)"""
    read = opener_of(page, engine)
    name = "create navigation params by fetching"
    if read.value is OpenerPolicy.UNSAFE_NONE or not sandboxes_of_response(page.fields):
        return Step(name, NAVIGATION, holds=True, why=f'"{page.url}" has not both an opener policy and a sandbox')
    both = f'"{page.url}" has {OPENER.decode()}: {read.value.value} and Content-Security-Policy: sandbox'
    if deviates(engine, Deviation.SANDBOX_IS_SHOWN):
        return Step(name, NAVIGATION, holds=True, why=f"{both}, which {engine.value} shows against the standard")
    return Step(name, NAVIGATION, holds=False, why=f"{both}, which is an error page; take one of them away")


def adherence_step(page: Document, parent: Document, engine: Engine) -> Step:
    """Conclude whether a frame may be shown under its parent's embedder policy.  (HTML §7.1.4.2)"""
    name = "check a navigation response's adherence to its embedder policy"
    if is_credentialless(page) and has(engine, Feature.CREDENTIALLESS_IFRAME):
        return Step(name, ADHERENCE, holds=True, why=f'"{page.url}" is in a credentialless frame, which needs no policy')
    above = embedder_of(parent, engine).value
    if not is_compatible_with_isolation(above):
        return Step(name, ADHERENCE, holds=True, why=f'"{parent.url}" has no embedder policy')
    own = embedder_of(page, engine)
    why = f'"{parent.url}" has {above.value}; ' + _why(EMBEDDER, page, own, "require-corp or credentialless")
    return Step(name, ADHERENCE, holds=is_compatible_with_isolation(own.value), why=why)


def _by_opener_and_embedder(page: Document, engine: Engine) -> Iterator[Step]:
    """Yield the steps of the way by the policies of all pages from the top-level one down."""
    top = page.ancestors[-1] if page.ancestors else page
    yield secure_context(page, engine)
    yield sandbox_step(top, engine)
    yield opener_step(top, engine)
    yield embedder_step(top, engine)
    yield from _adherence_steps(page, engine)
    yield _permission(page, engine)


def _by_document_isolation(page: Document, engine: Engine) -> Iterator[Step]:
    """Yield the steps of the way by the page's own policy: no permission is asked for.  (Tried with Chromium 156)"""
    yield from _adherence_steps(page, engine)
    value = document_isolation_of(page, engine).value.value
    why = f'{ISOLATION.decode("ascii")} of "{page.url}" is {value}'
    yield Step("obtain a document isolation policy", OBTAIN_ISOLATION, holds=True, why=why)


def _adherence_steps(page: Document, engine: Engine) -> Iterator[Step]:
    """Yield whether each frame is shown, from below the top-level page down to `page`."""
    chain = (page, *page.ancestors)
    pages = [replace(document, ancestors=chain[index + 1 :]) for index, document in enumerate(chain)]
    for parent, frame in reversed(list(zip(pages[1:], pages, strict=False))):
        yield adherence_step(frame, parent, engine)


def _permission(page: Document, engine: Engine) -> Step:
    if has(engine, Feature.CROSS_ORIGIN_ISOLATED_FEATURE):
        return may_use(page, ISOLATED)
    why = f"{engine.value} has no feature {ISOLATED}: frames of an isolated page are isolated"
    return Step("cross-origin isolated capability", CAPABILITY, holds=True, why=why)


def _why(name: bytes, page: Document, read: "Read[OpenerPolicy] | Read[EmbedderPolicy]", wanted: str) -> str:
    field = name.decode("ascii")
    if read.ignored is not None:
        return f'{field} of "{page.url}" counts for nothing: {read.ignored}'
    sent = any(line.lower() == name.lower() for line, _ in page.fields)
    if not sent:
        return f'"{page.url}" has no {field}; it takes {wanted}'
    if read.value.value in wanted.split(" or "):
        return f'{field} of "{page.url}" is {read.value.value}'
    return f'{field} of "{page.url}" is {read.value.value}; it takes {wanted}'


def _knows(engine: Engine, value: str) -> bool:
    return value != EmbedderPolicy.CREDENTIALLESS.value or has(engine, Feature.COEP_CREDENTIALLESS)


def _notes(page: Document, engine: Engine, by_itself: Read[DocumentIsolation]) -> tuple[str, ...]:
    """Say what was sent in vain: policies that only report, and a document isolation policy that counts for nothing."""
    notes: list[str] = []
    if opener_policy(page.fields, engine, observed=True).value is OpenerPolicy.SAME_ORIGIN:
        notes.append(f"{OPENER.decode()}-Report-Only reports and isolates nothing")
    if is_compatible_with_isolation(embedder_policy(page.fields, engine, observed=True).value):
        notes.append(f"{EMBEDDER.decode()}-Report-Only reports and isolates nothing")
    if by_itself.ignored is not None:
        notes.append(f"{ISOLATION.decode()} counts for nothing: {by_itself.ignored}")
    permissions = ignored(page.fields)
    if permissions is not None:
        notes.append(f"{PERMISSIONS.decode()} counts for nothing: {permissions}")
    return tuple(notes)
