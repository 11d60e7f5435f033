"""`xoproxy explain`: exit codes of the contract, no traceback whatever is typed, and the same answer as text and as JSON."""

import json
import os
from pathlib import Path

import pytest
from support.backends import Reply, plain_backend
from support.ports import free_port

from xoproxy.cli import main

TEXT = """\
version: 1
upstream: http://127.0.0.1:1
routes:
  - match: {host: api.example.com}
    policy: {cors: {allow_origins: [https://app.example.com], allow_methods: [PUT]}}
  - match: {host: www.example.com}
    policy: isolated
"""
API = "https://api.example.com/v1"
APP = "https://app.example.com"


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration in the environment; one in the working directory, named."""
    for name in tuple(os.environ):
        if name.startswith("XOPROXY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(TEXT)


@pytest.mark.parametrize(
    ("arguments", "code", "first"),
    [
        (["GET", API, "--origin", APP], 0, f"allowed in Chrome, Firefox and Safari: GET {API} by script of {APP}"),
        (["PUT", API, "--origin", APP, "--browser", "safari"], 0, f"allowed in Safari: PUT {API} by script of {APP}"),
        (["PATCH", API, "--origin", APP], 1, f"blocked in Chrome, Firefox and Safari: PATCH {API} by script of {APP}"),
        (["GET", "/v1", "--host", "api.example.com", "--origin", "null"], 1, "blocked in Chrome"),
        (["GET", "https://none.example.com/"], 1, "blocked in Chrome"),
        (["GET", "https://www.example.com/", "--mode", "navigate"], 0, "allowed in Chrome"),
        (["GET", API, "--page", "https://www.example.com/", "--destination", "image"], 1, "blocked in Chrome"),
    ],
)
def test_the_exit_code_says_whether_it_is_allowed(
    arguments: list[str], code: int, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-c", "x.yaml", *arguments]) == code
    text = capsys.readouterr()
    assert main(["explain", *arguments, "-c", "x.yaml", "--json"]) == code
    document = json.loads(capsys.readouterr().out)

    assert text.out.startswith(first)
    assert text.err == ""
    assert document["allowed"] is (code == 0)
    assert document["source"] == "x.yaml"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: METHOD, URL"),
        (["GET"], "the following arguments are required: URL"),
        ([API], f"the method comes before the URL; write GET {API}"),
        (["/v1"], "the method comes before the URL; write GET /v1"),
        (["GET", API, "--orgin", APP], "unrecognized arguments: --orgin"),
        (["GET", API, "--origin"], "expected one argument"),
        (["GET", API, "--origin", ""], "--origin is empty; give it a value, or leave it out"),
        (["GET", API, "--backend-status", ""], "--backend-status is empty"),
        (["GET", API, "--timeout", "0"], "is not a number of seconds"),
        (["GET", API, "--origin", f"{APP}/"], f'it has a path; write "{APP}"'),
        (["GET", API, "--header", "X"], "has no colon"),
        (["GET", API, "--mode", "ajax"], '"ajax" is not a mode'),
        (["GET", "/v1"], "the routes are for several hosts (api.example.com, www.example.com); say which with --host"),
        (["GET", "api.example.com"], 'has no scheme; write "https://api.example.com"'),
        (["GET", "\udcff"], "is not a URL"),
        (["G\udcffT", API], "is not a request method"),
        (["GET", API, "--header", "A: \udcff\x01"], "control characters"),
    ],
)
def test_what_means_nothing_is_exit_code_2_and_says_what_to_write(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-c", "x.yaml", *arguments]) == 2
    printed = capsys.readouterr()

    assert said in printed.err
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_a_file_that_is_not_valid_is_exit_code_2_with_its_problems(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("version: 1\nupstraem: http://a:1\n")

    assert main(["explain", "-c", "bad.yaml", "GET", API]) == 2
    assert "bad.yaml:2:1: XO013 error" in capsys.readouterr().err
    assert main(["explain", "GET", API]) == 2
    assert "no configuration: no -c FILE" in capsys.readouterr().err


def test_the_environment_alone_is_a_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As for `run`."""
    monkeypatch.setenv("XOPROXY_UPSTREAM", "http://a:1")
    monkeypatch.setenv("XOPROXY_ALLOW_ORIGIN", APP)

    assert main(["explain", "DELETE", "/x", "--origin", APP]) == 0
    assert "--allow-origin cors.allow_origins" in capsys.readouterr().out


def test_live_with_a_file_asks_the_backend_of_the_route(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_backend({"/v1": Reply(b"x", fields={"Access-Control-Allow-Origin": "*"})}) as backend:
        Path("live.yaml").write_text(TEXT.replace("http://127.0.0.1:1", backend.url))
        arguments = ["explain", "-c", "live.yaml", "GET", API, "--origin", APP, "--live", "--browser", "chrome"]
        code = main(arguments)
        main([*arguments, "--credentials", "include", "--cookie", "a=b"])

    assert code == 0
    assert "removed from the backend's answer\n      Access-Control-Allow-Origin: *" in capsys.readouterr().out
    assert [(each.method, each.fields["Host"], each.fields["Cookie"]) for each in backend.seen] == [
        ("GET", "api.example.com", None),
        ("GET", "api.example.com", "a=b"),
    ]


def test_live_without_a_file_asks_the_server_of_the_url(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_backend({}, default=Reply(b"x")) as backend:
        arguments = ["explain", "PUT", f"{backend.url}/x", "--origin", "http://app.localhost", "--live", "--browser", "chrome"]
        code = main(arguments)

    assert code == 1
    assert "xoproxy in front of that server, with this policy file" in capsys.readouterr().out
    assert [each.method for each in backend.seen] == ["OPTIONS", "GET"]  # the preflight; GET for what a change would let pass


def test_live_with_nobody_there_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()

    assert main(["explain", "GET", f"http://127.0.0.1:{port}/", "--origin", "http://a.localhost", "--live"]) == 1
    assert f"no connection to 127.0.0.1:{port}: connection refused" in capsys.readouterr().out
    assert main(["explain", "-c", "x.yaml", "GET", API, "--origin", APP, "--live"]) == 1
    assert "xoproxy answers 502 itself: upstream http://127.0.0.1:1 does not answer" in capsys.readouterr().out
