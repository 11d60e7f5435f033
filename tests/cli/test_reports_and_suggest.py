"""`xoproxy reports` and `xoproxy suggest` against a running xoproxy: what browsers told it becomes the next policy file."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.backends import Reply, plain_backend
from support.ports import free_port
from support.processes import XoproxyProcess

from xoproxy.cli import main
from xoproxy.cli.asking import Asked

PATIENCE_S = 20.0
TOKEN = "an operator's word"
FILE = """\
version: 1
listen: 127.0.0.1:{port}
admin: {{address: "127.0.0.1:{admin}", token_file: {token_file}}}
upstream: {backend}
policies:
  page: # everything
    report_to: isolation
    observe: {{coep: require-corp}}
routes:
  - match: {{host: docs.app.example}}
    policy: untouched
  - policy: page
reporting:
  endpoints: {{isolation: /reports}}
"""
REPORT = {
    "age": 0,
    "type": "coep",
    "url": "https://app.example/editor?secret=1",
    "user_agent": "Mozilla/5.0 Chrome/156.0.0.0 Safari/537.36",
    "body": {
        "type": "corp",
        "blockedURL": "https://docs.app.example/p.svg",
        "destination": "image",
        "disposition": "reporting",
    },
}
PAGE_LOAD = {"Host": "app.example", "Sec-CH-UA": '"Chromium";v="156"', "Sec-Fetch-Dest": "document"}


@dataclass
class Site:
    """A running xoproxy to which a browser told something."""

    file: Path
    admin: str

    def command(self, *arguments: str) -> list[str]:
        return [*arguments, "-c", str(self.file)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    port, admin = free_port(), free_port()
    (directory / "token").write_text(TOKEN)
    with plain_backend({"/editor": Reply(b"<!doctype html>")}) as backend:
        text = FILE.format(port=port, admin=admin, backend=backend.url, token_file=directory / "token")
        file = directory / "xoproxy.yaml"
        file.write_text(text)
        process = XoproxyProcess(["run", "-c", str(file), "--no-watch"], directory / "log")
        for each in (port, admin):
            process.wait_for_port(each)
        wait_for_collector(f"127.0.0.1:{admin}")
        url = f"http://127.0.0.1:{port}"
        for path, sent in (("/editor", PAGE_LOAD), ("/editor", PAGE_LOAD)):
            urllib.request.urlopen(urllib.request.Request(url + path, headers=sent)).close()
        content = json.dumps([REPORT]).encode()
        fields = {"Content-Type": "application/reports+json"}
        urllib.request.urlopen(urllib.request.Request(f"{url}/reports", content, fields)).close()
        file.write_text(text + "# saved again: page loads are told at a reload, too\n")
        process.send(signal.SIGHUP)
        process.wait_for_output('"generation":2')
        yield Site(file, f"127.0.0.1:{admin}")
        process.stop()


def wait_for_collector(admin: str) -> None:
    """Return once the route is under observation: what comes before is no evidence."""
    request = urllib.request.Request(f"http://{admin}/-/reports?outlook=false", headers={"Authorization": f"Bearer {TOKEN}"})
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with urllib.request.urlopen(request) as answer:
            if json.load(answer)["traffic"]:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("XOPROXY_")]:
        monkeypatch.delenv(name)


def decision(site: Site, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the decision, once the report is kept."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert main(site.command("reports", "--json")) == 1
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        if told["reports"] and told["observed"][0]["reports"]:
            return told
        assert time.monotonic() < deadline, json.dumps(told)
        time.sleep(0.1)


def test_the_decision_of_the_running_xoproxy_is_told(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    told = decision(site, capsys)
    assert main(site.command("reports", "--since", "1h")) == 1
    text = capsys.readouterr().out

    (observed,) = told["observed"]
    assert (observed["verdict"], observed["page_loads"]) == ("blocked", 2)
    assert observed["pages"][0]["url"] == "https://app.example/editor"
    assert observed["pages"][0]["blockers"][0]["route"] == "routes[0]"
    assert text.startswith("safe to enforce: no, 0 of 1 observed values are\n")
    assert "policy: [untouched, {corp: same-site}]" in text


def test_the_suggested_file_is_valid_and_mends_what_was_reported(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    decision(site, capsys)
    assert main(site.command("suggest")) == 0
    printed = capsys.readouterr()
    (tmp_path / "next.yaml").write_text(printed.out)

    before = site.file.read_text()
    assert printed.out == before.replace("policy: untouched", "policy: [untouched, {corp: same-site}]")
    assert "careful: every page of the site app.example may then embed what this route answers" in printed.err
    assert main(["check", "-c", str(tmp_path / "next.yaml"), "--strict"]) == 0


def test_what_is_safe_then_can_be_enforced_and_shown_as_a_difference(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    decision(site, capsys)
    assert main(site.command("suggest", "--enforce", "--diff")) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"--- {site.file}"
    assert [line for line in lines[2:] if line[0] in "+-"] == [
        "-    observe: {coep: require-corp}",
        "+    coep: require-corp",
        "-    policy: untouched",
        "+    policy: [untouched, {corp: same-site}]",
    ]


def test_nothing_is_enforced_while_the_store_has_a_problem(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be reports that are not seen now."""
    decision(site, capsys)
    answered = Asked.json

    def with_a_problem(asked: Asked, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = answered(asked, path)
        return {**answer, "store": {**answer["store"], "error": "the disk is full"}}

    monkeypatch.setattr(Asked, "json", with_a_problem)

    assert main(site.command("suggest", "--enforce")) == 1
    printed = capsys.readouterr()
    assert "    observe: {coep: require-corp}\n" in printed.out
    assert "the store has a problem: the disk is full" in printed.err


@pytest.mark.parametrize("command", ["reports", "suggest"])
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--since", "a week"], 2, "no time span", id="no-span"),
        pytest.param(["--token-file", "/nowhere"], 2, "cannot be read", id="no-token-file"),
        pytest.param(["--admin", "127.0.0.1:1"], 3, "127.0.0.1:1 does not answer", id="nobody-there"),
        pytest.param(["--admin", "off"], 3, "the admin endpoint is off", id="off"),
    ],
)
def test_what_cannot_be_asked_is_told(
    command: str, arguments: list[str], code: int, message: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(site.command(command, *arguments)) == code
    assert message in capsys.readouterr().err


def test_who_has_not_the_token_is_told_what_is_wanted(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment goes before the file, and the option before both.  On loopback no token is wanted unless one is set."""
    (tmp_path / "wrong").write_text("a wrong one")

    assert main(site.command("reports", "--token-file", str(tmp_path / "wrong"))) == 3
    assert "401" in capsys.readouterr().err
    monkeypatch.setenv("XOPROXY_ADMIN_TOKEN", "a wrong one")
    assert main(site.command("reports")) == 3
    monkeypatch.setenv("XOPROXY_ADMIN_TOKEN", TOKEN)
    assert main(["reports", "--admin", site.admin]) == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param("require-corp", "credentialless", "knows nothing of what", id="not-in-force"),
        pytest.param("observe: {coep: require-corp}", "coep: require-corp", "observes nothing", id="nothing-observed"),
    ],
)
def test_a_file_that_is_not_the_one_in_force_is_noticed(
    before: str, after: str, message: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(site.file.read_text().replace(before, after))

    assert main(["suggest", "-c", str(other)]) == 1
    assert message in capsys.readouterr().err


def test_without_a_file_there_is_nothing_to_change(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XOPROXY_UPSTREAM", "http://web:3000")

    assert main(["suggest"]) == 2
    assert "name it with -c FILE" in capsys.readouterr().err
