"""Would a worker start: may its script be fetched, and has it the embedder policy that its page asks of it?

A dedicated worker is part of its page, so under an embedder policy its script must come with one itself.  Shared and service
workers start without; a shared worker has the isolation that its own policy gives it.
(HTML §10.2.4, "run a worker"; §7.1.4.2, "check a global object's embedder policy")
"""

from dataclasses import replace
from typing import Final

from xoproxy.browser import fetching
from xoproxy.browser.contexts import embedder_of, is_compatible_with_isolation
from xoproxy.browser.model import Conclusion, CredentialsMode, Document, Engine, Mode, Request, Step, WireResponse
from xoproxy.browser.policies import EMBEDDER, embedder_policy

CHECK: Final = "https://html.spec.whatwg.org/multipage/browsers.html#check-a-global-object's-embedder-policy"
DEDICATED: Final = "worker"
SHARED: Final = "sharedworker"


def conclude(page: Document, url: str, engine: Engine, destination: str = DEDICATED) -> Conclusion:
    """Conclude whether `page` can start a worker with the script at `url`.  `destination` as Sec-Fetch-Dest names it."""
    request = Request(b"GET", url, page, Mode.SAME_ORIGIN, CredentialsMode.SAME_ORIGIN, destination)
    fetched = yield from fetching.conclude(request, engine)
    if not fetched.allowed or destination != DEDICATED:
        return fetched
    step = _policy_step(page, fetched.exchanges[-1][1], engine)
    return replace(fetched, allowed=step.holds, steps=(*fetched.steps, step), exposed=())


def _policy_step(page: Document, response: WireResponse, engine: Engine) -> Step:
    name = "check a global object's embedder policy"
    above, field = embedder_of(page, engine), EMBEDDER.decode("ascii")
    if not is_compatible_with_isolation(above.value):
        return Step(name, CHECK, holds=True, why=f'"{page.url}" has no embedder policy')
    own = embedder_policy(response.fields, engine)
    if is_compatible_with_isolation(own.value):
        return Step(name, CHECK, holds=True, why=f"the script comes with {field}: {own.value.value}")
    reason = f"counts for nothing: {own.ignored}" if own.ignored else "is not require-corp or credentialless"
    why = f'"{page.url}" has {above.value.value}, and {field} of the worker\'s script {reason}'
    return Step(name, CHECK, holds=False, why=why)
