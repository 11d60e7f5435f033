"""How many examples a property gets: few in CI, thousands with ``--hypothesis-profile=long``."""

from hypothesis import HealthCheck, settings

# An example runs a whole proxy: generating its stream may take longer than what hypothesis finds healthy.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def fuzzed(examples: int) -> settings:
    """Return the settings of a property with so many examples in CI, and at least as many in any other profile."""
    return settings(max_examples=max(examples, settings.default.max_examples), suppress_health_check=_SLOW)
