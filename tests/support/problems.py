"""Our own answers: what every one of them must be."""

import json

from support.generations import APP
from support.wire import Message


def check_problem(response: Message, status: int, kind: str) -> None:
    """Check an answer to APP: ours, a problem of that kind, and passed through the policy READABLE: a browser may read it."""
    document = json.loads(response.body)

    assert response.status == document["status"] == status
    assert document["type"] == f"urn:xoproxy:error:{kind}"
    assert set(document) == {"type", "title", "status", "detail"}
    assert response.values(b"content-type") == [b"application/problem+json"]
    assert response.values(b"access-control-allow-origin") == [APP]
    assert response.values(b"cross-origin-resource-policy") == [b"same-site"]
    assert response.values(b"vary") == [b"Origin"]
    assert len(response.values(b"date")) == 1
