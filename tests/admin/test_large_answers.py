"""Answers with as many items as a policy file has routes go out in pieces, each of which is soon made."""

import json
import threading

import pytest
from support.admin_service import Ask, FakeService, loaded

from xoproxy.admin import answers
from xoproxy.insight.showing import as_json, show

ROUTES = 700
CONFIG = "version: 1\nupstream: http://app:1\nroutes:\n" + "".join(
    f"  - {{match: {{path: /{number}}}, policy: isolated}}\n" for number in range(ROUTES)
)
LARGE = ("/-/routes", "/-/config")


@pytest.fixture
def large(service: FakeService) -> FakeService:
    service.configuration = loaded(CONFIG)
    return service


@pytest.mark.parametrize("path", LARGE)
async def test_a_large_answer_is_whole_and_comes_in_pieces(
    large: FakeService, ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, bool]] = []

    def piece_of(pieces: object, default: bytes) -> bytes:
        piece: bytes = next(pieces, default)  # type: ignore[call-overload]
        made.append((len(piece), threading.current_thread() is threading.main_thread()))
        return piece

    monkeypatch.setattr(answers, "next", piece_of, raising=False)
    answer = await ask(f"GET {path}")

    assert answer.fields["Transfer-Encoding"] == "chunked"
    assert answer.fields["Content-Type"] == "application/json; charset=utf-8"
    assert answer.fields["Cache-Control"] == "no-store"
    assert [route["name"] for route in answer.body["routes"]] == [f"routes[{number}]" for number in range(ROUTES)]
    assert len(made) > 3
    assert all(size < 2 * answers.PIECE_BYTES and not in_loop for size, in_loop in made)


async def test_a_large_answer_says_what_the_command_show_does(large: FakeService, ask: Ask) -> None:
    assert (await ask("GET /-/routes")).body == json.loads(as_json(show(large.configuration)))


@pytest.mark.parametrize("path", LARGE)
@pytest.mark.usefixtures("large")
async def test_head_of_a_large_answer_has_no_content(ask: Ask, path: str) -> None:
    answer = await ask(f"HEAD {path}")

    assert (answer.status, answer.body) == (200, None)
    assert answer.fields["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", LARGE)
async def test_a_small_answer_is_sent_whole(ask: Ask, path: str) -> None:
    answer = await ask(f"GET {path}")

    assert "Transfer-Encoding" not in answer.fields
    assert answer.fields["Content-Type"] == "application/json; charset=utf-8"
    assert len(answer.body["routes"]) == 2
