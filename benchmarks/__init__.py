"""Measure xoproxy beside other proxies that carry out the same policy.  Run it with ``python -m benchmarks``."""
