"""The one policy that every proxy carries out while it is measured.

A value, from which each proxy's configuration and the expectations of `agreement` are made: they cannot drift apart.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """CORS with credentials for one origin, and the three fields of isolation."""

    opener: str = "same-origin"
    embedder: str = "require-corp"
    resource: str = "same-origin"
    origin: str = "https://app.example.com"
    methods: tuple[str, ...] = ("GET", "POST", "PUT", "DELETE")
    # Lower case, as browsers ask for them: their case means nothing, and proxies that fold it differ in nothing else.
    headers: tuple[str, ...] = ("authorization", "content-type")
    expose: tuple[str, ...] = ("x-total-count",)
    max_age_s: int = 600
    routes: int = 1  # so many; the requests of the benchmark are for the last
    origins: int = 1  # so many are granted; `origin` is the last

    @property
    def all_origins(self) -> tuple[str, ...]:
        """The origins that are granted."""
        return (*(f"https://tenant{number}.example.com" for number in range(self.origins - 1)), self.origin)

    @property
    def always(self) -> dict[str, str]:
        """The fields of every response."""
        return {
            "Cross-Origin-Opener-Policy": self.opener,
            "Cross-Origin-Embedder-Policy": self.embedder,
            "Cross-Origin-Resource-Policy": self.resource,
        }

    @property
    def granted(self) -> dict[str, str]:
        """What an actual response to the granted origin has besides."""
        return {
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": ", ".join(self.expose),
        }

    @property
    def preflight(self) -> dict[str, str]:
        """What the answer to a preflight of the granted origin has besides."""
        return {
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": ", ".join(self.methods),
            "Access-Control-Allow-Headers": ", ".join(self.headers),
            "Access-Control-Max-Age": str(self.max_age_s),
        }


POLICY: Final = Policy()

VARY: Final = ("Origin",)
PREFLIGHT_VARY: Final = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")

# Every field that the policy decides; a backend's own must not reach the client.
OWNED_FIELDS: Final = tuple(dict.fromkeys((*POLICY.always, *POLICY.granted, *POLICY.preflight)))
