"""Which store the settings mean, and what it is called.  The libraries of a store are imported when it is used."""

import importlib
from typing import Final, cast
from urllib.parse import urlsplit

from xoproxy.config.settings import StoreKind, StoreSettings
from xoproxy.reports.sql import Database, StoreError

_POSTGRESQL_PORT: Final = 5432


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


def store_name(settings: StoreSettings) -> str:
    """Return what to call a store in front of people: of a URL only host, port and database, whatever else it holds."""
    if settings.kind is StoreKind.MEMORY:
        return "memory"
    if settings.kind is StoreKind.SQLITE:
        return settings.where
    try:
        parts = urlsplit(settings.where)
        port = "" if parts.port in {None, _POSTGRESQL_PORT} else f":{parts.port}"
    except ValueError:
        return "postgresql"
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}"
