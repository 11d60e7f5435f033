"""How an address of an upstream has done lately, and whether it should be left alone for now.

Two things speak against an address: connections to it that failed (it is ejected for a while, twice as long each time it fails
again), and health checks that it did not pass.  Neither forbids it: where all addresses are avoided, they are tried anyway.
"""

import math
from typing import Final

from xoproxy.config.settings import Ejection, HealthCheck

NEVER: Final = -math.inf


class Standing:
    """The standing of one address.  Times are of the loop's clock."""

    __slots__ = (
        "_backoff_s",
        "_checks",
        "_ejected_until",
        "_ejection",
        "avoided_until",
        "ejections",
        "failed_at",
        "failures",
        "is_healthy",
    )

    def __init__(self, ejection: Ejection | None) -> None:
        self.failures = 0  # connections in a row
        self.ejections = 0  # ever
        self.failed_at = NEVER  # the last time that anything failed
        self.is_healthy = True  # by the health checks; so until they prove otherwise
        self.avoided_until = NEVER  # infinite while it is unhealthy
        self._ejection = ejection
        self._ejected_until = NEVER
        self._backoff_s = 0.0  # of the present row of failures
        self._checks = 0  # that contradict `is_healthy`, in a row

    def is_ejected(self, now: float) -> bool:
        """Whether its failed connections keep it out for now."""
        return self._ejected_until > now

    def failed(self, now: float) -> float | None:
        """Count a connection that failed.  Returns for how long the address is ejected, if it is from now on."""
        self.failures += 1
        self.failed_at = now
        ejection = self._ejection
        # Connections that were under way at its ejection may all fail later: that is the same failure, not another.
        if ejection is None or self.failures < ejection.failures or self.is_ejected(now):
            return None
        self._backoff_s = min(self._backoff_s * 2 or ejection.backoff_s, ejection.max_backoff_s)
        self._ejected_until = now + self._backoff_s
        self.ejections += 1
        self._weigh()
        return self._backoff_s

    @property
    def is_first_ejection(self) -> bool:
        """Whether the ejection in force is the first of its row."""
        return self._ejection is not None and self._backoff_s <= self._ejection.backoff_s

    def succeeded(self) -> bool:
        """Count a connection that was answered.  Returns whether that ends a row of ejections."""
        self.failures = 0
        was_ejected = self._backoff_s > 0
        self._backoff_s = 0.0
        self._ejected_until = NEVER
        self._weigh()
        return was_ejected

    def checked(self, check: HealthCheck, now: float, *, passed: bool) -> bool:
        """Count a health check.  Returns whether it changed what the address counts as."""
        if not passed:
            self.failed_at = now
        if passed is self.is_healthy:
            self._checks = 0
            return False
        self._checks += 1
        if self._checks < (check.healthy_after if passed else check.unhealthy_after):
            return False
        self._checks = 0
        self.is_healthy = passed
        self._weigh()
        return True

    def _weigh(self) -> None:
        self.avoided_until = self._ejected_until if self.is_healthy else math.inf
