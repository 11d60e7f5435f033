"""Count exchanges.  Works whatever is logged."""

from collections import Counter

from xoproxy.telemetry.records import ExchangeRecord


class Counters:
    """How many exchanges ended in which way, since the process started."""

    __slots__ = ("cors", "errors", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()  # by status; 0: none was sent
        self.cors: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def count(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        self.statuses[record.status] += 1
        self.cors[record.cors] += 1
        if record.error:
            self.errors[record.error] += 1

    def totals(self) -> dict[str, dict[str, int]]:
        """Return every count, for another process to add."""
        return {
            "statuses": {str(key): n for key, n in self.statuses.items()},
            "cors": dict(self.cors),
            "errors": dict(self.errors),
        }

    def add(self, totals: dict[str, dict[str, int]]) -> None:
        """Add the counts of another process."""
        self.statuses.update({int(status): count for status, count in totals["statuses"].items()})
        self.cors.update(totals["cors"])
        self.errors.update(totals["errors"])

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts: statuses by class (``2xx`` ...; ``none``: the exchange broke before one was sent)."""
        classes: Counter[str] = Counter()
        for status, count in self.statuses.items():
            classes[f"{status // 100}xx" if status else "none"] += count
        return {"status": dict(classes), "cors": dict(self.cors), "error": dict(self.errors)}
