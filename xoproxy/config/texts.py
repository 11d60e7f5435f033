"""What a configuration is made of: the texts of one file, of all files of a directory, or none."""

from typing import Final

from xoproxy.slotted import dataclass

OPTIONS: Final = "options"  # the name of a configuration without a file


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one file, and how messages call it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Texts:
    """A configuration as it was read.  `name`: the file or directory as it was named; no `parts`: options are all of it."""

    name: str
    parts: tuple[Text, ...]


FROM_OPTIONS: Final = Texts(OPTIONS, ())
