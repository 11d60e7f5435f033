"""What a load found: how much was done, how long it took, and how long the single request."""

from dataclasses import dataclass

from benchmarks.figures import percentile


@dataclass(frozen=True, slots=True)
class Found:
    """Of one round."""

    requests: int  # or messages, or events
    seconds: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: float, took_s: list[float]) -> "Found":
        """Return what single times come to."""
        if not took_s:
            return cls(0, seconds, 0.0, 0.0)
        return cls(len(took_s), seconds, percentile(took_s, 50) * 1000, percentile(took_s, 99) * 1000)
