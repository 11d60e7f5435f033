"""WebSockets that any page may open, with the user's cookies.  (RFC 6455 §10.2)"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config.lint.view import View
from xoproxy.config.problems import Id, Problem, problem_at, quoted

_SOCKETS: Final = re.compile(r"(?i)wss?|web-?sockets?|socket\.io|engine\.io|sockjs(?:-node)?|cable|graphql-ws|subscriptions")


def _open(view: View) -> Iterator[Problem]:
    for route in view.routes:
        if route.policy.websocket is not None:
            continue
        segments = (route.route.match.path or "").split("/")
        segment = next((segment for segment in segments if _SOCKETS.fullmatch(segment)), None)
        if segment is not None:
            message = (
                f"{quoted(segment)} looks like WebSockets, which CORS does not guard: any page may open one with the user's "
                "cookies; write websocket_origins: same-origin in the policy, or a list of origins"
            )
            yield problem_at(route.places["match.path"], Id.OPEN_WEBSOCKET, message)


CHECKS: Final = (_open,)
