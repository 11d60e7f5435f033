"""The process that compiles a configuration for one that serves.  (`runtime.apart`)

Rule: it serves nobody, and gives way to who does.
"""

import contextlib
import gc
import os
import pickle
import sys
from collections.abc import Callable
from typing import Final

from xoproxy.config.problems import ConfigInvalid
from xoproxy.runtime.apart import Answer, Earlier, Fault, Refusal, Request
from xoproxy.runtime.packing import pack
from xoproxy.runtime.review import Review, review
from xoproxy.runtime.source import Edition

NICENESS: Final = 5  # a third of the processor where those who serve want all of it: ten would let it wait for minutes


def main() -> None:
    """Answer one request of standard input on standard output."""
    os.nice(NICENESS)
    gc.disable()  # nothing of what is made here is garbage before the end
    out = sys.stdout.buffer

    def say(what: Answer | Review) -> None:
        out.write(pickle.dumps(what))
        out.flush()

    with contextlib.suppress(EOFError, BrokenPipeError):  # who asks is gone
        carry_out(pickle.load(sys.stdin.buffer), say)  # noqa: S301  from the process that started this one
    os._exit(0)  # a million objects need not be freed one by one


def carry_out(request: Request, say: Callable[[Answer | Review], None]) -> None:
    """Compile; and review, if there is something to compare with."""
    try:
        loaded = request.source.compile(request.texts, request.number, request.today)
        packed = pack(loaded)
    except ConfigInvalid as invalid:
        say(Refusal(invalid.problems))
        return
    except Exception as exc:  # noqa: BLE001  told to who asked
        say(Fault(f"{type(exc).__name__}: {exc}"))
        return
    say(packed)
    if request.before is not None:
        say(review(_edition(request, request.before), Edition.of(loaded, request.texts), loaded))


def _edition(request: Request, earlier: Earlier) -> Edition:
    """Compile again what is in force: a minute ago it was as good as it is now."""
    return Edition.of(request.source.compile(earlier.texts, earlier.number, earlier.today), earlier.texts)
