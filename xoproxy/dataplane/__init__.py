"""HTTP/1.1 on the wire, both sides: clients' connections, upstreams' connections, and the exchanges between them.

Rule 1: policy is asked once per request, at its head, and carried out once, at the response's head; nothing else here knows it.
Rule 2: bytes pass as they came.  Heads are edited, bodies are counted.
Rule 3: every wait has a deadline, every buffer a bound.
"""

from xoproxy.dataplane.plane import DataPlane

__all__ = ["DataPlane"]
