"""The JSON Schema of the policy file, for editors.  (JSON Schema draft 2020-12)

Made of the registry in `keys` and of what stands here beside it: what each key is for, what it takes, what holds if it is
absent.  What a schema cannot know is told by `xoproxy check`: which names are declared, what keys mean together.
"""

from collections.abc import Mapping
from typing import Final

from xoproxy.config.schema.described import Described
from xoproxy.config.schema.forms import SHARED, Json, Schema
from xoproxy.config.schema.policy_keys import POLICIES, definitions
from xoproxy.config.schema.proxy_keys import PROXY, TOP
from xoproxy.config.schema.values import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DESCRIBED: Final[tuple[Described, ...]] = (*PROXY, *POLICIES)


def policy_file_schema() -> Schema:
    """Return the schema of the policy file."""
    named = {described.name: described.schema() for described in DESCRIBED}
    return document("policy-file", "xoproxy policy file", TOP, {**definitions(), **named})


def document(name: str, title: str, top: Described, named: Mapping[str, Schema]) -> Schema:
    """Return the schema of a file of ours.

    `named`: its definitions, besides those of values; what nothing refers to is left out.
    """
    known = {**SHARED, **KINDS, **named}
    used: dict[str, Schema] = {}
    pending = _referred(top.schema())
    while pending:
        at = pending.pop()
        if at not in used:
            used[at] = known[at]
            pending |= _referred(known[at])
    sorted_definitions: dict[str, Json] = dict(sorted(used.items()))
    return {
        "$schema": DIALECT,
        "$id": f"urn:xoproxy:schema:{name}:1",
        "title": title,
        **top.schema(),
        "$defs": sorted_definitions,
    }


def _referred(schema: Json) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    members = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    found = {name for member in members for name in _referred(member)}
    if isinstance(schema, dict) and isinstance(target := schema.get("$ref"), str):
        found.add(target.removeprefix("#/$defs/"))
    return found
