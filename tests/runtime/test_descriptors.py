"""The limit of open files is raised to what is allowed, and never lowered."""

import resource

import pytest

from xoproxy.runtime import descriptors

INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 4096, 4096),
        (1024, 1 << 30, 1 << 20),
        (1024, INFINITY, 1 << 20),
        (4096, 4096, None),
        (1 << 21, INFINITY, None),
        (INFINITY, INFINITY, None),
    ],
)
def test_limit_becomes_what_is_allowed(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda _, limits: seen.append(limits))
    descriptors.raise_descriptor_limit()

    assert seen == ([] if raised is None else [(raised, hard)])


@pytest.mark.parametrize("refusal", [OSError("not permitted"), ValueError("above the kernel's own")])
def test_refusal_is_no_failure(monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(descriptors.resource, "setrlimit", refuse)
    descriptors.raise_descriptor_limit()
