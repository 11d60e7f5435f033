"""What the proxy survives: attacks, aborts, large bodies and many connections, at full size.

The scenarios are the same that `tests/stress` runs in small; `python -m benchmarks.soak` runs them in full and prints what the
process held before and after each.
"""
