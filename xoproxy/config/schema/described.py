"""One kind of mapping, described for people and editors."""

from collections.abc import Mapping
from dataclasses import field

from xoproxy.config.keys import Keys
from xoproxy.config.schema.forms import Json, Schema
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Described:
    """The keys of one `Keys`, each with what may stand there.  `name`: of the definition; `rules`: about several keys."""

    name: str
    keys: Keys
    about: str
    values: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    rules: Schema = field(default_factory=dict[str, Json])

    def schema(self) -> Schema:
        """Return the definition of this mapping, its keys in the order of the registry."""
        properties: dict[str, Json] = {name: self.values[name] for name in self.keys.names if name in self.values}
        required: Schema = {"required": list(self.required)} if self.required else {}
        return {
            "description": self.about,
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **required,
            **self.rules,
        }


def key(description: str, schema: Schema, default: Json = None) -> Schema:
    """Return the schema of one key.  `default`: what holds if the key is absent, None if that needs more words."""
    stated: Schema = {} if default is None else {"default": default}
    return {"description": description, **schema, **stated}
