"""Make the changes that an explanation suggests in the text of a policy file, as a person would."""

import json
import re
from collections.abc import Iterable
from typing import Any

import yaml

from xoproxy.insight.explaining.placing import Into, Placement

STEP = re.compile(r'\.?("(?:[^"\\]|\\.)*"|[^.\["]+)|\[([0-9]+)\]')


def patched(text: str, placements: Iterable[Placement]) -> str:
    """Return the text with the changes made, written anew."""
    tree = yaml.load(text, yaml.BaseLoader)
    for placement in placements:
        steps: list[str | int] = [
            int(index) if index else json.loads(key) if key[0] == '"' else key
            for key, index in STEP.findall(placement.place.path)
        ]
        match placement.into:
            case Into.REPLACE:
                _at(tree, steps[:-1])[steps[-1]] = placement.value
            case Into.INSERT:
                _laid_over(_at(tree, steps), placement.value)
            case Into.APPEND:
                _at(tree, steps).extend(placement.value)
    return yaml.safe_dump(tree, sort_keys=False)


def _at(tree: Any, steps: list[str | int]) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def _laid_over(mapping: dict[str, Any], keys: Any) -> None:
    for key, value in keys.items():
        if isinstance(value, dict) and isinstance(mapping.get(key), dict):
            _laid_over(mapping[key], value)
        else:
            mapping[key] = value
