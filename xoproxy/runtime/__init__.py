"""The process: its listeners, signals, tasks and reloads."""
