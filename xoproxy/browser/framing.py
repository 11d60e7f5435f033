"""May a page be framed: does it show in an iframe?  (HTML §7.4.5, "create navigation params by fetching")

Under an embedder policy of the page around it, each response on the way must allow to be embedded, and the page must come with
an embedder policy itself.  Frames of engines with ``<iframe credentialless>`` need neither.  X-Frame-Options and the directive
``frame-ancestors`` of Content-Security-Policy decide too: they are noted, not judged.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xoproxy.browser import fetching
from xoproxy.browser.contexts import embedder_of, is_compatible_with_isolation, is_credentialless, origin
from xoproxy.browser.corp_check import Embedding, corp_check
from xoproxy.browser.hops import Client
from xoproxy.browser.isolation import adherence_step
from xoproxy.browser.model import Conclusion, CredentialsMode, Document, Engine, Fields, Frame, Mode, Request, Step, Verdict
from xoproxy.browser.policies import lines_of
from xoproxy.browser.support import Feature, has
from xoproxy.browser.urls import origin_of

_PLAIN: Final = Frame()


def conclude(parent: Document, url: str, engine: Engine, frame: Frame = _PLAIN) -> Conclusion:
    """Conclude whether `parent` can show `url` in the iframe `frame`."""
    request = Request(b"GET", url, parent, Mode.NAVIGATE, CredentialsMode.INCLUDE, "iframe")
    fetched = yield from fetching.conclude(request, engine)
    if not fetched.allowed:
        return fetched
    steps = [*fetched.steps]
    for step in _policy_steps(parent, fetched, engine, frame):
        steps.append(step)
        if not step.holds:
            return replace(fetched, allowed=False, steps=tuple(steps), tainting=None, exposed=())
    notes = (*fetched.notes, *_notes(fetched.exchanges[-1][1].fields))
    return replace(fetched, steps=tuple(steps), tainting=None, exposed=(), notes=notes)


def _policy_steps(parent: Document, fetched: Verdict, engine: Engine, frame: Frame) -> Iterator[Step]:
    """Judge each response by what it lets others embed, the last by its embedder policy too.  (HTML §7.4.5)"""
    request, response = fetched.exchanges[-1]
    page = Document(request.url, response.fields, (parent, *parent.ancestors), frame=frame)
    embedder = embedder_of(parent, engine).value
    checked = is_compatible_with_isolation(embedder)
    if is_credentialless(page) and has(engine, Feature.CREDENTIALLESS_IFRAME):
        checked = False
    client = Client(origin(parent), (embedder,), engine=engine)
    for sent, received in fetched.exchanges if checked else ():
        target = origin_of(sent.url)
        yield corp_check(Embedding(client, target, received.fields, sent.credentialed, for_navigation=True))
    yield adherence_step(page, parent, engine)


def _notes(fields: Fields) -> tuple[str, ...]:
    """Name what else decides whether a page may be framed."""
    notes = [f"X-Frame-Options is {line.decode('latin-1')}: not judged here" for line in lines_of(fields, b"X-Frame-Options")]
    policies = lines_of(fields, b"Content-Security-Policy")
    if any(b"frame-ancestors" in policy.lower() for policy in policies):
        notes.append("Content-Security-Policy has frame-ancestors: not judged here")
    return tuple(notes)
