"""A decision as text for people, made of its JSON: so who asks a running xoproxy can tell what that one decided."""

from collections.abc import Iterator
from typing import Any, Final

from xoproxy.config.problems import printable
from xoproxy.insight.explaining.placing import Into
from xoproxy.insight.explaining.telling import change_lines

Json = dict[str, Any]

MAX_SHOWN: Final = 10  # pages, blockers, others: the rest is in the JSON


def as_text(decision: Json) -> str:
    """Return the whole text, with a line feed at its end."""
    lines = [_headline(decision)]
    for observation in decision["observed"]:
        lines += ["", *_observation(observation)]
    others: list[Json] = decision["others"]
    if others:
        lines += ["", "reported besides, and nothing that is observed", *_others(others, decision["more_others"])]
    return "\n".join(printable(line) for line in lines) + "\n"


def _headline(decision: Json) -> str:
    observed: list[Json] = decision["observed"]
    if not observed:
        return "nothing is observed: no route has a policy with `observe`"
    safe = sum(each["verdict"] == "safe" for each in observed)
    if safe == len(observed):
        return f"safe to enforce: yes, {'all of it' if safe > 1 else observed[0]['key']}"
    return f"safe to enforce: no, {safe} of {len(observed)} observed values {'is' if safe == 1 else 'are'}"


def _observation(observation: Json) -> Iterator[str]:
    place = observation["place"]
    yield f"{observation['route']} ({observation['match']}), policy {observation['policy']}"
    said = f"{observation['key']}: {observation['value']}"
    yield f"  {observation['verdict']}: {said} ({place['source']}:{place['line']}:{place['column']})"
    yield f"  {observation['why']}"
    pages: list[Json] = observation["pages"]
    for page in pages[:MAX_SHOWN]:
        yield f"  {page['url']}, {_reports(page['reports'])}"
        yield from (f"    {line}" for line in _blockers(page))
    more = len(pages) - MAX_SHOWN + observation["more_pages"]
    if more > 0:
        yield f"  and {more} more pages"
    if observation["enforcing"]:
        yield "  to enforce it"
        yield from (f"    {line}" for change in observation["enforcing"] for line in _change(change))


def _blockers(page: Json) -> Iterator[str]:
    blockers: list[Json] = page["blockers"]
    for blocker in blockers[:MAX_SHOWN]:
        whose = f"{blocker['whose']} {blocker['route']}" if blocker["route"] else blocker["whose"]
        what = blocker["what"] or "what it is, browsers do not tell"
        yield f"{what} ({whose}), {_reports(blocker['reports'])}: {blocker['words']}"
        if blocker["harmless"]:
            yield f"  not in the way: {blocker['harmless']}"
        elif blocker["mended"]:
            yield "  the policy lets it pass by now; it counts as long as the period reaches back to the last report"
        for number, fix in enumerate(blocker["fixes"]):
            yield f"  {'or ' if number else ''}{fix['words']}"
            yield from (f"    {line}" for change in fix["changes"] for line in _change(change))
            yield from (f"    careful: {danger}" for danger in fix["careful"])
            yield from (f"    {line}" for line in _also(fix["changes"]))
    more = len(blockers) - MAX_SHOWN + page["more_blockers"]
    if more > 0:
        yield f"and {more} more"


def _change(change: Json) -> Iterator[str]:
    at = change["line"], change["column"]
    return change_lines(change["source"], at, change["path"], Into(change["do"]), change["yaml"])


def _also(changes: list[Json]) -> Iterator[str]:
    names: list[str] = list(dict.fromkeys(name for change in changes for name in change["also"]))
    if names:
        shown = ", ".join(names[:MAX_SHOWN])
        left = len(names) - MAX_SHOWN + max(change["more_also"] for change in changes)
        more = f" and {left} more" if left > 0 else ""
        yield f"this changes {shown}{more} too"


def _others(others: list[Json], more: int) -> Iterator[str]:
    for other in others[:MAX_SHOWN]:
        what = " ".join(part for part in (other["type"], other["kind"], other["destination"]) if part)
        enforced = ", blocked" if other["disposition"] == "enforce" else ""
        blocked = f": {other['blocked']}" if other["blocked"] else ""
        yield f"  {what} on {other['document'] or 'a page that is not told'}{blocked}, {_reports(other['reports'])}{enforced}"
    left = len(others) - MAX_SHOWN + more
    if left > 0:
        yield f"  and {left} more"


def _reports(number: int) -> str:
    return f"{number:,} report{'' if number == 1 else 's'}"
