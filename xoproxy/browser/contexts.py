"""Where script of a page runs: origins, secure contexts, and the policies that a page has.  (HTML §7.1; Secure Contexts)"""

from typing import Final

from xoproxy.browser import urls
from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.model import NULL_ORIGIN, Document, Engine, Fields, Step
from xoproxy.browser.policies import Read, document_isolation_policy, embedder_policy, lines_of, opener_policy
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy

SECURE_CONTEXT: Final = "https://html.spec.whatwg.org/multipage/webappapis.html#secure-context"
INSECURE: Final = "the page is no secure context"


def origin(document: Document) -> bytes:
    """Return the origin of a page: opaque if it is sandboxed without ``allow-same-origin``.  (HTML §7.1.5)"""
    if document.origin is not None:
        return document.origin
    if any("allow-same-origin" not in flags for flags in sandboxes(document)):
        return NULL_ORIGIN
    return urls.origin_of(document.url)


def is_trustworthy(page: Document) -> bool:
    """Whether a page came unaltered, whatever is around it.  (Secure Contexts §3.2)"""
    url = urls.parse(page.url)
    return url is not None and urls.is_potentially_trustworthy(url)


def secure_context(document: Document, engine: Engine) -> Step:
    """Conclude whether a page is a secure context, so that its policies are read.  (HTML §8.1.3.5)

    The top-level page is what counts: frames are left to mixed-content blocking.  (What script sees as `isSecureContext` is
    another matter: browsers ask every page on the way up for that.)
    """
    asked = [document.ancestors[-1] if document.ancestors else document]
    if deviates(engine, Deviation.INSECURE_FRAMES_HAVE_NO_POLICY):
        asked.append(document)
    for page in asked:
        if not is_trustworthy(page):
            why = f'"{page.url}" is neither https nor on localhost'
            return Step("secure context", SECURE_CONTEXT, holds=False, why=why)
    return Step("secure context", SECURE_CONTEXT, holds=True, why=f'"{asked[0].url}" is potentially trustworthy')


def is_credentialless(document: Document) -> bool:
    """Whether a page is in a credentialless frame; the frames of such a page are, too.  (WICG anonymous-iframe §2.2)"""
    return any(page.frame.credentialless for page in (document, *document.ancestors)[:-1])


def sandboxes(document: Document) -> list[list[str]]:
    """Return what each sandbox allows that a page is in: its response's, its frame's and those of the pages around it."""
    chain = (document, *document.ancestors)
    framed = [page.frame.sandbox for page in chain[:-1] if page.frame.sandbox is not None]
    found = [sandbox.lower().split() for sandbox in framed]
    for page in chain:
        found.extend(sandboxes_of_response(page.fields))
    return found


def sandboxes_of_response(fields: Fields) -> list[list[str]]:
    """Return what each directive ``sandbox`` of Content-Security-Policy allows.  (CSP §6.4.2)"""
    policies = b",".join(lines_of(fields, b"Content-Security-Policy")).split(b",")
    directives = (directive.decode("latin-1").lower().split() for policy in policies for directive in policy.split(b";"))
    return [words[1:] for words in directives if words and words[0] == "sandbox"]


def embedder_of(document: Document, engine: Engine) -> Read[EmbedderPolicy]:
    """Return the embedder policy that a page has.  (HTML §7.1.4.1, "obtain an embedder policy")"""
    read = embedder_policy(document.fields, engine)
    if read.value is EmbedderPolicy.UNSAFE_NONE or secure_context(document, engine).holds:
        return read
    return Read(EmbedderPolicy.UNSAFE_NONE, INSECURE)


def opener_of(document: Document, engine: Engine) -> Read[OpenerPolicy]:
    """Return the opener policy that a top-level page has.  (HTML §7.1.3.1, "obtain an opener policy")"""
    read = opener_policy(document.fields, engine)
    if read.value is OpenerPolicy.UNSAFE_NONE or secure_context(document, engine).holds:
        return read
    return Read(OpenerPolicy.UNSAFE_NONE, INSECURE)


def document_isolation_of(document: Document, engine: Engine) -> Read[DocumentIsolation]:
    """Return the document isolation policy that a page has.  (WICG DIP §2.2.1)

    The draft asks for a secure context.  Chromium, the only one that has it, asks whether the page itself is trustworthy, and
    not those around it (tried with 156 in November 2026).
    """
    read = document_isolation_policy(document.fields, engine)
    if read.value is DocumentIsolation.NONE or is_trustworthy(document):
        return read
    return Read(DocumentIsolation.NONE, f'"{document.url}" is neither https nor on localhost')


def is_compatible_with_isolation(policy: EmbedderPolicy) -> bool:
    """Whether an embedder policy is "compatible with cross-origin isolation".  (HTML §7.1.4)"""
    return policy is not EmbedderPolicy.UNSAFE_NONE
