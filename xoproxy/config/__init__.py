"""From YAML text to every problem, or to a compiled generation.

A *generation* is a whole configuration, validated and immutable.  A *problem* is something wrong with a text, with its place
and what to write instead.  Reading files is apart from compiling their texts: a reload reads once, compares, and compiles
in a thread.
"""

from xoproxy.config.compiler import Loaded, compile_text, compile_texts, digest_of
from xoproxy.config.generation import Generation
from xoproxy.config.loading import load
from xoproxy.config.options import Overrides
from xoproxy.config.problems import ConfigInvalid, Problem, Severity
from xoproxy.config.source import decode, read_bytes, read_text, read_texts
from xoproxy.config.texts import FROM_OPTIONS, Text, Texts

__all__ = [
    "FROM_OPTIONS",
    "ConfigInvalid",
    "Generation",
    "Loaded",
    "Overrides",
    "Problem",
    "Severity",
    "Text",
    "Texts",
    "compile_text",
    "compile_texts",
    "decode",
    "digest_of",
    "load",
    "read_bytes",
    "read_text",
    "read_texts",
]
