"""Say at the start, for people, what the process does: where it listens, where it forwards, which policy each route has."""

from collections.abc import Iterable

from xoproxy.config.generation import Generation
from xoproxy.policy.routes import Match


def announcement(generation: Generation, version: str, listening: Iterable[str], admin: Iterable[str]) -> str:
    """Return the text, of several lines.  `listening` and `admin` are the addresses as bound."""
    upstreams = {upstream.name: upstream for upstream in generation.settings.upstreams}
    lines = [f"xoproxy {version}, configuration {generation.source}"]
    lines += [f"  listening on  {address}" for address in listening]
    for route in generation.routes.routes:
        endpoints = ", ".join(str(endpoint) for endpoint in upstreams[route.upstream].endpoints)
        lines.append(f"  forwarding    {_condition(route.match)} -> {endpoints}  policy: {route.policy_name}")
    addresses = ", ".join(admin)
    lines.append(f"  admin         {addresses}" if addresses else "  admin         off")
    return "\n".join(lines)


def _condition(match: Match) -> str:
    parts = [text for text in (match.host, match.path) if text is not None]
    methods = " ".join(sorted(method.decode("ascii") for method in match.methods or ()))
    fields = f"  (by {', '.join(match.fields)})" if match.fields else ""  # not their values, which may be secrets
    return f"{methods} ".lstrip() + ("".join(parts) or "everything") + fields
