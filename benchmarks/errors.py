"""The two ways in which a benchmark ends without figures."""


class BenchmarkError(Exception):
    """What was measured is not what was to be measured, so no figure is given."""


class MissingError(BenchmarkError):
    """This machine lacks something; the message says what, and which Debian package brings it."""
