"""What JSON Schema says of values as our loader reads them: as texts, whatever type YAML gives them elsewhere.

Rule 1: whatever the loader takes, the schema takes.  An editor that marks what works would be switched off.
Rule 2: an editor sees values as YAML types them: `off` is false to YAML 1.1 and a text to YAML 1.2, `010` a number to both.
Where such a value may be a text of ours, numbers and booleans are taken.
Rule 3: ``${NAME}`` may stand in any text, so every pattern lets it through.
Rule 4: patterns are in what Python and JavaScript (with its `u` flag) have in common, and match whole texts.
"""

from collections.abc import Iterable, Mapping
from typing import Final

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Schema = dict[str, Json]

_REFERENCE: Final = r"\$\$\{|\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}"
_CONTROL: Final = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff"
TEXT: Final = rf"^(?=[\s\S]*\S)(?:{_REFERENCE}|(?!\$\$?\{{)[^{_CONTROL}])*$"

# Any text but a blank one, and any value that is one in our eyes.
SHARED: Final[Mapping[str, Schema]] = {
    "text": {"type": "string", "pattern": TEXT},
    "scalar": {"type": ["string", "number", "boolean"], "pattern": TEXT},
    # Said so that editors accept it and do not propose it.
    "off-of-1.1": {
        "description": "`off`, as YAML 1.1 reads it",
        "not": {"anyOf": [{"const": True}, {"type": ["null", "string", "number", "array", "object"]}]},
    },
    "reference": {"type": "string", "pattern": rf"^(?=[\s\S]*\$\{{)(?:{_REFERENCE}|(?!\$\$?\{{)[^{_CONTROL}])*$"},
}


def ref(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def text(pattern: str, hint: str) -> Schema:
    """Return the schema of a text.  `hint`: what editors say of another (`patternErrorMessage`, of VS Code's family)."""
    return ref("text") | {"pattern": rf"^(?:{pattern})$|\$\{{", "patternErrorMessage": hint}


def scalar(pattern: str, hint: str) -> Schema:
    """As `text`, for texts that YAML may take for numbers or booleans."""
    return text(pattern, hint) | ref("scalar")


def any_scalar() -> Schema:
    """Return the schema of any value."""
    return ref("scalar")


def choice(values: Iterable[str]) -> Schema:
    """Return the schema of one of some words."""
    return {"anyOf": [{"enum": list(values)}, ref("reference")]}


def choice_or_off(values: Iterable[str]) -> Schema:
    """As `choice`, and ``off``."""
    return {"anyOf": [{"enum": [*values, "off"]}, ref("off-of-1.1"), ref("reference")]}


def off() -> Schema:
    """Return the schema of ``off``."""
    return choice_or_off(())


def boolean() -> Schema:
    """Return the schema of ``true`` and ``false``."""
    return {"anyOf": [{"type": "boolean"}, text("true|false", "write true or false")]}


def whole(pattern: str, hint: str, least: int = 0, most: int | None = None) -> Schema:
    """Return the schema of a text that may be a bare number."""
    types: Schema = {"type": ["integer", "string"], "minimum": least}
    bound: Schema = {} if most is None else {"maximum": most}
    return {**scalar(pattern, hint), **types, **bound}


def count(least: int = 1, most: int = 999_999_999) -> Schema:
    """Return the schema of a number of things."""
    zero = "" if least == 0 else "(?!0$)"
    return whole(zero + up_to(most), f"write a whole number from {least} on", least, most)


def or_words(schema: Schema, *words: str) -> Schema:
    """Return a schema that also takes some words."""
    return either({"enum": list(words)}, schema)


def either(*schemas: Schema) -> Schema:
    """Return the schema of what one of some takes."""
    flat: list[Json] = []
    for schema in schemas:
        members = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
        assert isinstance(members, list)
        flat.extend(members)
    return {"anyOf": flat}


def several(item: Schema, most: int | None = None) -> Schema:
    """Return the schema of a list that is not empty, and has up to `most` members."""
    bound: Schema = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": item, "minItems": 1, **bound}


def listed(item: Schema) -> Schema:
    """Return the schema of a list; one value stands for a list of one."""
    return either(item, several(item))


def any_or_listed(item: Schema, member: Schema | None = None, words: tuple[str, ...] = ("*",)) -> Schema:
    """As `listed`, or one of `words` alone, which `item` does not take.  `member`: what a list takes, if not the same."""
    alone: Schema = {"enum": [*words]}
    return either(alone, item, several(member or item), several(alone, most=1))


def named(value: Schema, names: str, hint: str) -> Schema:
    """Return the schema of a mapping whose keys the file chooses."""
    key: Schema = {"pattern": f"^(?:{names})$", "patternErrorMessage": hint}
    return {"type": "object", "propertyNames": key, "additionalProperties": value}


def up_to(most: int) -> str:
    """Return the pattern of the numbers from 0 to `most`, without leading zeros."""
    digits = str(most)
    same = [
        digits[:at] + (f"[{least}-{int(digit) - 1}]" if int(digit) - 1 > least else str(least)) + _digits(len(digits) - at - 1)
        for at, digit in enumerate(digits)
        if int(digit) > (least := 1 if at == 0 else 0)
    ]
    shorter = ["0"] if len(digits) == 1 else ["0", "[1-9]" + _digits(len(digits) - 2, at_most=True)]
    return "(?:" + "|".join(dict.fromkeys([*shorter, *same, digits])) + ")"


def _digits(number: int, *, at_most: bool = False) -> str:
    if not number:
        return ""
    return f"[0-9]{{0,{number}}}" if at_most else f"[0-9]{{{number}}}"


def folded(name: str) -> str:
    """Return the pattern of a name in any case."""
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in name)
