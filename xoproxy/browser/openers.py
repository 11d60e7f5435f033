"""Would a popup keep its opener, and the opener its popup?  (HTML §7.1.3.2, "check browsing context group switch")

Where the opener policies ask for another browsing context group, `window.opener` is null in the popup, and `closed` is true of
what `window.open` returned: a login popup can no longer report back.
"""

from typing import Final

from xoproxy.browser.contexts import embedder_of, is_compatible_with_isolation, opener_of, origin, sandboxes
from xoproxy.browser.isolation import NAVIGATION, sandbox_step
from xoproxy.browser.model import NULL_ORIGIN, Document, Engine, Step, Verdict
from xoproxy.browser.policies import OPENER
from xoproxy.policy.model import OpenerPolicy
from xoproxy.slotted import dataclass

_HTML: Final = "https://html.spec.whatwg.org/multipage/"
SWITCH: Final = _HTML + "browsers.html#check-browsing-context-group-switch-coop-value-popup"
CHOOSING: Final = _HTML + "document-sequences.html#the-rules-for-choosing-a-navigable"

_CHOOSING_NAME: Final = "rules for choosing a navigable"
_SWITCH_NAME: Final = "check if popup COOP values requires a browsing context group switch"
_LETS_POPUPS_GO: Final = frozenset({OpenerPolicy.SAME_ORIGIN_ALLOW_POPUPS, OpenerPolicy.NOOPENER_ALLOW_POPUPS})


@dataclass(frozen=True, slots=True)
class _Side:
    """One page's opener policy, as the standard compares it: ``same-origin`` with an embedder policy is a value of its own."""

    policy: OpenerPolicy
    isolates: bool
    origin: bytes

    @property
    def text(self) -> str:
        return self.policy.value + (" with an embedder policy" if self.isolates else "")


def popup(opener: Document, hops: tuple[Document, ...], engine: Engine) -> Verdict:
    """Conclude whether a window that `opener` opens keeps its opener.

    `hops` are the responses on the way to the popup's page, redirects first, the page last: each is asked for its policy.
    """
    top = opener.ancestors[-1] if opener.ancestors else opener
    choosing = _choosing_step(opener, top, engine)
    steps = [choosing]
    if not choosing.holds:
        return Verdict(allowed=False, steps=(choosing,))
    current = _initial(opener, top, engine)
    is_sandboxed = any("allow-popups-to-escape-sandbox" not in allowed for allowed in sandboxes(opener))
    for hop in hops:
        shown = _inherited_sandbox_step(opener, hop, engine) if is_sandboxed else sandbox_step(hop, engine)
        if not shown.holds:
            return Verdict(allowed=False, steps=(*steps, shown))
        following = _side(hop, engine)
        why, holds = _judge(current, following, hop)
        steps.append(Step(_SWITCH_NAME, SWITCH, holds=holds, why=why))
        if not holds:
            return Verdict(allowed=False, steps=tuple(steps), notes=_notes(hop, engine))
        current = following
    return Verdict(allowed=True, steps=tuple(steps), notes=_notes(hops[-1], engine))


def _side(page: Document, engine: Engine) -> _Side:
    policy = opener_of(page, engine).value
    isolates = policy is OpenerPolicy.SAME_ORIGIN and is_compatible_with_isolation(embedder_of(page, engine).value)
    return _Side(policy, isolates, origin(page))


def _initial(opener: Document, top: Document, engine: Engine) -> _Side:
    """Return the policy of the empty page that a new window starts with: that of its creator's top-level page.

    A creator that is a foreign frame there passes nothing on.  (HTML §7.3.2.1, "create a new browsing context and document")
    """
    own = origin(opener)
    if not opener.ancestors or (own == origin(top) and own != NULL_ORIGIN):
        return _side(top, engine)
    return _Side(OpenerPolicy.UNSAFE_NONE, isolates=False, origin=own)


def _choosing_step(opener: Document, top: Document, engine: Engine) -> Step:
    """Conclude whether the window gets an opener at all: a foreign frame of a ``same-origin`` page opens windows without."""
    if any("allow-popups" not in allowed for allowed in sandboxes(opener)):
        why = f'"{opener.url}" is in a sandbox without allow-popups'
        return Step(_CHOOSING_NAME, CHOOSING, holds=False, why=why)
    policy, own, above = opener_of(top, engine).value, origin(opener), origin(top)
    holds = not opener.ancestors or policy is not OpenerPolicy.SAME_ORIGIN or own == above != NULL_ORIGIN
    why = f'"{opener.url}" may keep what it opens'
    if not holds:
        why = f'"{opener.url}" is framed by "{top.url}" of another origin with {OPENER.decode()}: {policy.value}'
    return Step(_CHOOSING_NAME, CHOOSING, holds=holds, why=why)


def _inherited_sandbox_step(opener: Document, hop: Document, engine: Engine) -> Step:
    """Conclude whether a popup can be shown that is in its opener's sandbox: with an opener policy it is an error page."""
    policy = opener_of(hop, engine).value
    holds = policy is OpenerPolicy.UNSAFE_NONE
    why = f'"{hop.url}" is in the sandbox of "{opener.url}" and has {OPENER.decode()}: {policy.value}'
    return Step("create navigation params by fetching", NAVIGATION, holds=holds, why=why)


def _judge(current: _Side, following: _Side, hop: Document) -> tuple[str, bool]:
    """Return why, and whether the popup stays in its opener's browsing context group."""
    pair = f'the opener has {current.text}, "{hop.url}" has {following.text}'
    if following.policy is OpenerPolicy.NOOPENER_ALLOW_POPUPS:
        return f"{pair}, which never keeps an opener", False
    if current.policy in _LETS_POPUPS_GO and following.policy is OpenerPolicy.UNSAFE_NONE:
        return f"{pair}: the opener lets its popups be", True
    if OpenerPolicy.UNSAFE_NONE in {current.policy, following.policy}:
        return pair, current.policy is following.policy
    if (current.policy, current.isolates) != (following.policy, following.isolates):
        return f"{pair}, which is not the same", False
    if current.origin == following.origin != NULL_ORIGIN:
        return f"{pair}, of one origin", True
    return f"{pair}, of another origin", False


def _notes(hop: Document, engine: Engine) -> tuple[str, ...]:
    read = opener_of(hop, engine)
    return (f"{OPENER.decode()} counts for nothing: {read.ignored}",) if read.ignored is not None else ()
