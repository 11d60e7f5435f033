"""Where script of a page runs: origins, secure contexts, and the policies that a page has.  (HTML §7.1; Secure Contexts)"""

from typing import Final

from xoproxy.browser import urls
from xoproxy.browser.model import NULL_ORIGIN, Document, Engine, Fields, Step
from xoproxy.browser.policies import Read, document_isolation_policy, embedder_policy, lines_of, opener_policy
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy

SECURE_CONTEXT: Final = "https://html.spec.whatwg.org/multipage/webappapis.html#secure-context"
INSECURE: Final = "the page is no secure context"


def origin(document: Document) -> bytes:
    """Return the origin of a page: opaque if it is sandboxed without ``allow-same-origin``.  (HTML §7.1.5)"""
    if document.origin is not None:
        return document.origin
    if any("allow-same-origin" not in flags for flags in _sandboxes(document)):
        return NULL_ORIGIN
    return urls.origin_of(document.url)


def secure_context(document: Document) -> Step:
    """Conclude whether a page is a secure context: it and every page that frames it is trustworthy.

    HTML asks for the top-level page alone and leaves frames to mixed-content blocking; browsers ask every page on the way up.
    """
    for page in (document, *document.ancestors):
        url = urls.parse(page.url)
        if url is None or not urls.is_potentially_trustworthy(url):
            why = f'"{page.url}" is neither https nor on localhost'
            return Step("secure context", SECURE_CONTEXT, holds=False, why=why)
    return Step("secure context", SECURE_CONTEXT, holds=True, why=f'"{document.url}" is potentially trustworthy')


def is_sandboxed_by_response(fields: Fields) -> bool:
    """Whether Content-Security-Policy has the directive ``sandbox``.  (CSP §6.4.2)"""
    return bool(_csp_sandboxes(fields))


def embedder_of(document: Document, engine: Engine) -> Read[EmbedderPolicy]:
    """Return the embedder policy that a page has.  (HTML §7.1.4.1, "obtain an embedder policy")"""
    read = embedder_policy(document.fields, engine)
    if read.value is EmbedderPolicy.UNSAFE_NONE or secure_context(document).holds:
        return read
    return Read(EmbedderPolicy.UNSAFE_NONE, INSECURE)


def opener_of(document: Document, engine: Engine) -> Read[OpenerPolicy]:
    """Return the opener policy that a top-level page has.  (HTML §7.1.3.1, "obtain an opener policy")"""
    read = opener_policy(document.fields, engine)
    if read.value is OpenerPolicy.UNSAFE_NONE or secure_context(document).holds:
        return read
    return Read(OpenerPolicy.UNSAFE_NONE, INSECURE)


def document_isolation_of(document: Document, engine: Engine) -> Read[DocumentIsolation]:
    """Return the document isolation policy that a page has.  (WICG DIP §2.2.1)"""
    read = document_isolation_policy(document.fields, engine)
    if read.value is DocumentIsolation.NONE or secure_context(document).holds:
        return read
    return Read(DocumentIsolation.NONE, INSECURE)


def is_compatible_with_isolation(policy: EmbedderPolicy) -> bool:
    """Whether an embedder policy is "compatible with cross-origin isolation".  (HTML §7.1.4)"""
    return policy is not EmbedderPolicy.UNSAFE_NONE


def _sandboxes(document: Document) -> list[list[str]]:
    """Return the allowances of each sandbox a page is in: its response's, its frame's and those of the pages above."""
    frames = [page.frame.sandbox for page in (document, *document.ancestors[:-1])] if document.ancestors else []
    found = [sandbox.lower().split() for sandbox in frames if sandbox is not None]
    for page in (document, *document.ancestors):
        found.extend(_csp_sandboxes(page.fields))
    return found


def _csp_sandboxes(fields: Fields) -> list[list[str]]:
    policies = b",".join(lines_of(fields, b"Content-Security-Policy")).split(b",")
    directives = (directive.decode("latin-1").lower().split() for policy in policies for directive in policy.split(b";"))
    return [words[1:] for words in directives if words and words[0] == "sandbox"]
