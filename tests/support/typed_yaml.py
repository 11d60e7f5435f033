"""Read YAML as editors do: values typed, by YAML 1.1 or by the core schema of YAML 1.2.  Keys stay texts, as in JSON.

Dates stay texts too: JSON has none.
"""

import re
from typing import Any

import yaml

PATTERNS_1_2 = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", "~nN"),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
}


class Yaml11(yaml.SafeLoader):
    """YAML 1.1, as PyYAML has it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        return {
            key.value if isinstance(key, yaml.ScalarNode) else "?": self.construct_object(value, deep=True)
            for key, value in node.value
        }

    def construct_text(self, node: yaml.ScalarNode) -> str:
        return str(node.value)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        text = node.value
        if self.yaml_implicit_resolvers is Yaml12.yaml_implicit_resolvers:
            return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)
        return int(self.construct_yaml_int(node))


class Yaml12(Yaml11):
    """YAML 1.2: `off` is a text, 010 is ten."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML has it

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """There are no merge keys."""


for tag, (pattern, first) in PATTERNS_1_2.items():
    Yaml12.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), [*first, *([""] if "null" in tag else [])])
Yaml11.add_constructor("tag:yaml.org,2002:int", Yaml11.construct_whole)
Yaml12.add_constructor("tag:yaml.org,2002:int", Yaml11.construct_whole)
for loader in (Yaml11, Yaml12):
    loader.add_constructor("tag:yaml.org,2002:timestamp", Yaml11.construct_text)
    loader.add_constructor("tag:yaml.org,2002:value", Yaml11.construct_text)


def as_1_1(text: str) -> Any:
    """Read by YAML 1.1."""
    return yaml.load(text, Loader=Yaml11)


def as_1_2(text: str) -> Any:
    """Read by YAML 1.2."""
    return yaml.load(text, Loader=Yaml12)
