"""Records of exchanges, as the data plane makes them."""

from typing import Any

from xoproxy.telemetry.records import ExchangeRecord


def exchange_record(client: str = "", started_at: float = 0.0, **values: Any) -> ExchangeRecord:
    """Return the record of an exchange of which these things are known."""
    return ExchangeRecord(client, started_at).changed(**values)
