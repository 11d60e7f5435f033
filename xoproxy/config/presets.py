"""Built-in policies, written as a file would write them and read the same way."""

from types import MappingProxyType
from typing import Final

from xoproxy.config.nodes import Plain

_PRESETS: dict[str, dict[str, Plain]] = {
    "isolated": {"coop": "same-origin", "coep": "require-corp", "corp": "same-origin"},
    "isolated-credentialless": {"coop": "same-origin", "coep": "credentialless", "corp": "same-origin"},
    "isolated-auto": {"coop": "same-origin", "coep": "auto", "corp": "same-origin"},
    "public-asset": {"corp": "cross-origin", "cors": {"allow_origins": "*"}, "timing_allow_origin": "*"},
    "untouched": {},
}
PRESETS: Final = MappingProxyType(_PRESETS)
