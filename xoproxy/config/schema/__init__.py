"""The JSON Schema of the policy file, for editors.  (JSON Schema draft 2020-12)

Made of the registry in `keys` and of what stands here beside it: what each key is for, what it takes, what holds if it is
absent.  What a schema cannot know is told by `xoproxy check`: which names are declared, what keys mean together.
"""

from typing import Final

from xoproxy.config.schema.described import Described
from xoproxy.config.schema.forms import SHARED, Json, Schema
from xoproxy.config.schema.policy_keys import POLICIES, definitions
from xoproxy.config.schema.proxy_keys import PROXY, TOP
from xoproxy.config.schema.values import KINDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ID: Final = "urn:xoproxy:schema:policy-file:1"
DESCRIBED: Final[tuple[Described, ...]] = (*PROXY, *POLICIES)


def shared_definitions() -> dict[str, Schema]:
    """Return the definitions that the schemas of other files of ours may use too, by name."""
    return {
        **SHARED,
        **KINDS,
        **definitions(),
        **{described.name: described.schema() for described in DESCRIBED if described is not TOP},
    }


def policy_file_schema() -> Schema:
    """Return the schema of the policy file."""
    shared: dict[str, Json] = dict(sorted(shared_definitions().items()))
    return {"$schema": DIALECT, "$id": ID, "title": "xoproxy policy file", **TOP.schema(), "$defs": shared}
