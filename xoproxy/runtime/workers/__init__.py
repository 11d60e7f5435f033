"""Serve by several processes: the supervisor's side and the worker's."""
