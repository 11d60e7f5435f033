"""Fill in ``${NAME}`` and ``${NAME:-default}`` from the environment.

Done on the text of one scalar, after YAML was read: a value can neither add keys nor be expanded a second time.
``$${`` stands for ``${``.  As in a shell, ``:-`` takes the default for an empty variable too.
"""

import re
from collections.abc import Mapping
from typing import Final

from xoproxy.config.problems import Id, Refused, quoted

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with its references filled in.  Raises Refused for one that cannot be."""

    def fill_in(reference: re.Match[str]) -> str:
        if reference[1] is None:
            return "${"
        name = _NAME.fullmatch(reference[1]) if reference[2] else None
        if name is None:
            raise Refused(
                Id.ENVIRONMENT,
                f"{quoted(reference[0])} is no reference; write ${{NAME}} or ${{NAME:-default}}, or $${{ for a plain ${{",
            )
        value: str | None = environ.get(name[1])
        if not value and name[2] is not None:
            value = str(name[2])
        if value is None:
            raise Refused(
                Id.ENVIRONMENT, f"the environment variable {name[1]} is not set; set it, or write ${{{name[1]}:-default}}"
            )
        return value

    return _REFERENCE.sub(fill_in, text)
