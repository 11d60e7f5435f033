"""From YAML text to every problem, or to a compiled generation.

A *generation* is a whole configuration, validated and immutable.  A *problem* is something wrong with a text, with its place
and what to write instead.  Reading a file is apart from compiling its text: a reload reads bytes once, takes their digest and
compiles in a thread.
"""

from xoproxy.config.compiler import Loaded, compile_options, compile_text, digest_of
from xoproxy.config.generation import Generation
from xoproxy.config.loading import load
from xoproxy.config.options import Overrides
from xoproxy.config.problems import ConfigInvalid, Problem, Severity
from xoproxy.config.source import decode, read_bytes, read_text

__all__ = [
    "ConfigInvalid",
    "Generation",
    "Loaded",
    "Overrides",
    "Problem",
    "Severity",
    "compile_options",
    "compile_text",
    "decode",
    "digest_of",
    "load",
    "read_bytes",
    "read_text",
]
