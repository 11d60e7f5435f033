"""What is lawful and most likely not meant: one key with another, one route with another, and keys that say nothing.

Rule 1: only what loads is linted; every finding is a warning, with a place and what to write instead.
Rule 2: no finding without a fault.  What may be right is not told; where a doubt remains, the message says when it is right.
Rule 3: the cost is that of reading: nothing looks at all pairs of routes or origins.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from xoproxy.config.compiler import Loaded
from xoproxy.config.lint import (
    cors,
    ending,
    escapes,
    fields,
    isolation,
    listeners,
    observing,
    origins,
    regexes,
    reporting,
    routes,
    unused,
    websockets,
)
from xoproxy.config.lint.view import View
from xoproxy.config.problems import Problem, in_order
from xoproxy.config.silencing import silence
from xoproxy.config.silencing import unused as unused_allowances

Check = Callable[[View], Iterable[Problem]]
CHECKS: Final[tuple[Check, ...]] = tuple(
    chain.from_iterable(
        subject.CHECKS
        for subject in (
            isolation,
            cors,
            origins,
            regexes,
            escapes,
            ending,
            observing,
            reporting,
            websockets,
            fields,
            routes,
            listeners,
            unused,
        )
    )
)


def lint(loaded: Loaded) -> tuple[Problem, ...]:
    """Return every warning about a configuration, in the order of the file: what reading saw, and what is found here.

    Those that a comment silences are left out; a comment that silences nothing is a warning too.
    """
    view = View.of(loaded)
    found = [*loaded.warnings, *chain.from_iterable(check(view) for check in CHECKS)]
    kept, used = silence(dict.fromkeys(found), loaded.allowances)
    return in_order([*kept, *unused_allowances(loaded.allowances, used)])
