"""xoproxy: a reverse proxy that makes the cross-origin policy of any backend right."""

__version__ = "0.1.0"
