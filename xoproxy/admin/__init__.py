"""The operator's endpoint, on a listener of its own: health, the effective configuration, reload."""
