"""The command `xoproxy`: reads options and environment, calls what does the work, turns its outcome into an exit code.

Rule: whatever is typed or broken, the answer is lines that say what to do, and an exit code of the contract; never a traceback.
"""

import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from xoproxy.cli.parser import EXIT_FAILED, EXIT_INVALID, make_parser

if TYPE_CHECKING:
    import argparse

EXIT_INTERRUPTED: Final = 130  # what shells make of SIGINT
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.  Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _keep_standard_descriptors()
        _write_what_the_locale_can()
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return EXIT_FAILED
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    except SystemExit as exc:  # argparse: usage, or --help
        return exc.code if isinstance(exc.code, int) else EXIT_INVALID
    except Exception as exc:  # noqa: BLE001  whatever it is: one line
        return _failed(exc)
    return code


def _failed(exc: Exception) -> int:
    """Say that the output has no room, else that this is a fault of ours, with the place for whoever mends it."""
    if isinstance(exc, OSError) and exc.errno in _NO_ROOM:
        _forget_stdout()
        return _say(f"error: the output cannot be written: {os.strerror(exc.errno).lower()}", EXIT_FAILED)
    return _say(f"internal error: {type(exc).__name__}: {exc} ({_place(exc)})", EXIT_FAILED)


def _dispatch(arguments: list[str]) -> int:
    """Parse the command line and run its command.  Commands are imported when asked for: a health check must be quick."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    demo = importlib.import_module("xoproxy.cli.demo") if command == "demo" else None
    is_first = arguments[:1] == [command]  # or what is asked for is the help with all commands
    parser = make_parser(demo.add_arguments if demo is not None else None, command if is_first else "")
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help(sys.stderr)
        return EXIT_INVALID
    module = importlib.import_module(f"xoproxy.cli.{args.command}")
    run: Callable[[argparse.Namespace], int] = module.run
    return run(args)


def _keep_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2: a socket that got number 1 would have the log written into it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.__stdout__ is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.__stderr__ is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _write_what_the_locale_can() -> None:
    """Let standard output escape what its encoding has not, as standard error does: files may say more than ASCII."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Send what is still buffered nowhere: the interpreter would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str, code: int) -> int:
    print(f"xoproxy: {message}", file=sys.stderr)
    return code


def _place(exc: BaseException) -> str:
    """Return file and line where the exception was raised."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else "?"  # noqa: PTH119
