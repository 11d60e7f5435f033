"""Make the changes that an explanation or a decision suggests in the text of a policy file."""

from collections.abc import Iterable
from typing import Any

import yaml

from support.configs import SOURCE
from xoproxy.config import Text, Texts
from xoproxy.insight.explaining.placing import Placement
from xoproxy.insight.patching import patch


class _Dumper(yaml.SafeDumper):
    """Writes what is used twice twice: behind an alias nothing is patched."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dumped(file: object, *, flow: bool | None = False) -> str:
    """Return a file as text: in block style, in flow style, or (None) as people write it, what is innermost in flow style."""
    text: str = yaml.dump(file, Dumper=_Dumper, sort_keys=False, default_flow_style=flow, width=100)
    return text


def patched(text: str, placements: Iterable[Placement]) -> str:
    """Return the text with all changes made."""
    result = patch(Texts(SOURCE, (Text(SOURCE, text),)), placements)
    assert not result.by_hand
    return result.texts.parts[0].text
