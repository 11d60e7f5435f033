"""Loads that wrk does not make.  Each is a module that runs as a process of its own, off the proxy's core.

They use plain sockets: what a client library does would be seen in the latency.  `driver` starts them, the others are started.
"""
