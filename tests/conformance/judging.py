"""Compare what was seen with what the table says.  A judgement is None, or what is wrong in words."""

from typing import assert_never

from conformance.model import TOKEN, Answered, Case, Forwarded, Marker, Nothing, Outcome, Refused
from conformance.observed import Answer, Observation, Seen, values

# What a proxy says of itself and of the client's side: not compared line by line.
_ADDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "x-request-id", "transfer-encoding")


def judge(case: Case, observation: Observation, *, exact: bool) -> str | None:
    """Judge one run of `case`.  `exact`: only the first list of outcomes counts, to the byte."""
    if case.check is not None and (fault := case.check(observation)) is not None:
        return fault
    faults = []
    for outcomes in (case.expect,) if exact else (case.expect, *case.lawful):
        fault = _Judge(case, observation, outcomes, exact=exact).fault()
        if fault is None:
            return None
        faults.append(fault)
    return "; or: ".join(dict.fromkeys(faults))


class _Judge:
    """One list of outcomes against one observation."""

    def __init__(self, case: Case, observation: Observation, outcomes: tuple[Outcome, ...], *, exact: bool) -> None:
        self._case = case
        self._observation = observation
        self._outcomes = outcomes
        self._exact = exact
        self._markers = [seen for seen in observation.seen if seen.target.endswith(b"/marker")]
        self._seen = [seen for seen in observation.seen if not seen.target.endswith(b"/marker")]
        self._answers = list(observation.answers)

    def _own(self, data: bytes) -> bytes:
        """Return `data` with the token of this run."""
        return data.replace(TOKEN, self._observation.token)

    def fault(self) -> str | None:
        """Return what is wrong."""
        if self._observation.hung:
            return "nothing ends the connection"
        for seen in self._observation.seen:
            if seen.fault is not None:
                return f"the backend got {seen.fault}"
            if b"/smuggled" in seen.target:
                return f"a request was smuggled: {seen.target!r}"
        for number, outcome in enumerate(self._outcomes, start=1):
            fault = self._outcome(outcome)
            if fault is not None:
                return fault if len(self._outcomes) == 1 else f"request {number}: {fault}"
        return self._end()

    def _outcome(self, outcome: Outcome) -> str | None:
        match outcome:
            case Refused():
                return self._refused(outcome)
            case Forwarded():
                return self._forwarded(outcome)
            case Answered():
                return self._answered(outcome)
            case Nothing():
                if self._seen and (outcome.seen or not self._seen[0].complete):
                    self._seen.pop(0)
                return None if not self._answers else f"an answer with {self._answers[0].status} where none was due"
            case _:
                assert_never(outcome)

    def _refused(self, outcome: Refused) -> str | None:
        if self._seen and (self._seen[0].complete or not (outcome.begun or not self._exact)):
            return f"not refused: the backend saw {self._seen[0].head!r}"
        if self._seen:
            self._seen.pop(0)
        if not self._answers:
            return "no answer" if self._exact else None
        answer = self._answers.pop(0)
        if self._exact and (answer.status not in outcome.statuses or not answer.complete or not answer.minor):
            return f"answered {answer.head[:40]!r}, not HTTP/1.1 with {sorted(outcome.statuses)}"
        if answer.status and not 400 <= answer.status < 600:
            return f"answered with {answer.status}, but not forwarded"
        return None

    def _forwarded(self, outcome: Forwarded) -> str | None:
        if not self._seen:
            return f"not forwarded: {self._answers[0].status if self._answers else 'no answer'}"
        seen = self._seen.pop(0)
        if not seen.complete:
            return "not forwarded whole"
        fault = self._compare(outcome, seen) or (outcome.check(seen) if outcome.check is not None else None)
        if fault is not None:
            return fault
        if not self._answers:
            return "forwarded, but the answer is missing"
        answer = self._answers.pop(0)
        if answer.status != 200 or answer.values("x-answer") != (b"%d" % seen.serial,) or not answer.complete:
            return f"forwarded, but answered {answer.head[:80]!r}"
        return None

    def _compare(self, outcome: Forwarded, seen: Seen) -> str | None:  # noqa: PLR0911  a list of comparisons
        """Compare a request that arrived with the one that was sent."""
        method, target, lines = _sent(self._observation.sent, seen, self._outcomes.index(outcome))
        if seen.method != method:
            return f"the method arrived as {seen.method!r}"
        wanted = self._own(outcome.target) if outcome.target is not None else target
        if seen.target != wanted:
            return f"the target arrived as {seen.target!r}, not {wanted!r}"
        if seen.body != self._own(outcome.body):
            return f"the content arrived as {seen.body[:80]!r}"
        if outcome.trailers is not None and self._exact and seen.trailers != outcome.trailers:
            return f"the trailers arrived as {seen.trailers!r}"
        for name, expected in outcome.fields:
            if seen.values(name) != tuple(map(self._own, expected)):
                return f"{name} arrived as {seen.values(name)}, not {expected}"
        if self._exact and outcome.exact:
            kept = [line for line in lines if _name(line) not in (*outcome.drops, *_ADDED)]
            arrived = [line for line in seen.lines if _name(line) not in _ADDED]
            if kept != arrived:
                return f"the lines arrived as {arrived}, not {kept}"
        return None

    def _answered(self, outcome: Answered) -> str | None:
        if len(self._seen) < outcome.seen:
            return f"the backend saw {len(self._seen)} requests, not {outcome.seen}"
        del self._seen[: outcome.seen]
        if not self._answers:
            return "no answer"
        return _compare_answer(outcome, self._answers.pop(0))

    def _end(self) -> str | None:  # noqa: PLR0911  a list of comparisons
        """Judge what is left: the marker, and nothing else."""
        if self._seen:
            return f"the backend saw an unexpected request: {self._seen[0].head[:80]!r}"
        if self._case.marker is Marker.NONE:
            return None if not self._answers else f"an unexpected answer: {self._answers[0].head[:80]!r}"
        if len(self._markers) > 1:
            return "the marker arrived more than once"
        kept = self._case.keeps
        if kept is None:
            kept = all(isinstance(outcome, Forwarded | Answered) for outcome in self._outcomes)
        if not self._answers:
            if self._markers:
                return "the marker arrived, but was not answered"
            return "the connection was not kept" if self._exact and kept else None
        if len(self._answers) > 1:
            return f"more answers than requests: {self._answers[-1].head[:80]!r}"
        if self._exact and not kept:
            return "the connection was kept"
        return self._marker(self._answers[0])

    def _marker(self, answer: Answer) -> str | None:
        """Judge the answer to the marker."""
        if not self._markers:
            refused = 400 <= answer.status < 600 and answer.complete
            return None if refused and not self._exact else f"the marker was answered {answer.head[:80]!r}, but never arrived"
        seen = self._markers[0]
        if answer.status != 200 or answer.values("x-answer") != (b"%d" % seen.serial,) or not answer.complete:
            return f"the marker got another answer: {answer.head[:80]!r}"
        return None


def _compare_answer(outcome: Answered, answer: Answer) -> str | None:
    if answer.status not in outcome.statuses:
        return f"answered {answer.status or answer.head[:60]!r}, not {sorted(outcome.statuses)}"
    if answer.complete != outcome.complete:
        return "the answer was cut off" if outcome.complete else "a broken answer was given a clean end"
    if outcome.body is not None and answer.body != outcome.body:
        return f"the content arrived as {answer.body[:80]!r}"
    for name, expected in outcome.fields:
        if values(answer.fields, name) != expected:
            return f"{name} arrived as {values(answer.fields, name)}, not {expected}"
    return outcome.check(answer) if outcome.check is not None else None


def _name(line: bytes) -> str:
    return line.partition(b":")[0].lower().decode("latin-1")


def _sent(sent: bytes, seen: Seen, at: int) -> tuple[bytes, bytes, list[bytes]]:
    """Return method, target and field lines of the request that was sent: the first, or the one with the target `seen` has."""
    found = sent.rfind(b" " + seen.target + b" ") if at else -1
    start = max(0, found)
    while start and sent[start - 1 : start].isupper():  # what comes before may be content
        start -= 1
    head = sent[start:].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    line, *lines = head.split(b"\r\n")
    method, _, rest = line.partition(b" ")
    return method, rest.rpartition(b" ")[0], lines
