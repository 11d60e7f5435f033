"""Which store the settings mean.  Its library is imported when it is used."""

import importlib
from typing import cast

from xoproxy.config.settings import StoreKind, StoreSettings
from xoproxy.reports.sql import Database, StoreError


def open_store(settings: StoreSettings) -> Database:
    """Return the database; it connects when it is first used.  Raises: `StoreError` if its library is not installed."""
    if settings.kind is StoreKind.POSTGRESQL:
        try:
            module = importlib.import_module("xoproxy.reports.postgresql")
        except ImportError as exc:
            raise StoreError(f"psycopg cannot be imported ({exc}): pip install 'xoproxy[postgresql]'") from exc
        return cast("Database", module.PostgresDatabase(settings.where))
    module = importlib.import_module("xoproxy.reports.sqlite")
    path = settings.where if settings.kind is StoreKind.SQLITE else module.IN_MEMORY
    return cast("Database", module.SqliteDatabase(path))
