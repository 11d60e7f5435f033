"""The stack file for Docker Swarm: what it says fits together, with its policy file and with what xoproxy really does."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
import yaml
from support.backends import Reply
from support.fixtures import PlainFactory
from support.markdown import ROOT
from support.ports import free_port
from support.postgresql import PASSWORD, PostgresServer, running_server
from support.processes import XoproxyProcess
from support.supervised import until

from xoproxy.cli import demo, main
from xoproxy.cli.parser import make_parser
from xoproxy.config import Overrides
from xoproxy.config.settings import TcpAddress
from xoproxy.runtime.source import ConfigSource
from xoproxy.runtime.workers.member import KILL_AFTER_S

STACK = ROOT / "deploy/swarm/stack.yaml"
POLICY = STACK.parent / "xoproxy.yaml"
TOLD = yaml.safe_load(STACK.read_text("utf-8"))
SERVICE = TOLD["services"]["xoproxy"]
DOCKER = shutil.which("docker")
SETTINGS = ConfigSource(POLICY, Overrides())


def seconds(duration: str) -> int:
    """Return a duration of the stack file; they are whole seconds or minutes."""
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def test_policy_file_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(POLICY), "--strict"]) == 0, capsys.readouterr().out


def test_commands_are_those_of_the_command_line() -> None:
    parser = make_parser(demo.add_arguments)
    (config,) = SERVICE["configs"]
    kind, program, *arguments = SERVICE["healthcheck"]["test"]

    assert parser.parse_args(SERVICE["command"]).config == config["target"]
    assert (kind, program) == ("CMD", "xoproxy")
    assert parser.parse_args(arguments).url == "http://127.0.0.1:9464/-/ready"


def test_ports_secrets_and_times_are_those_of_the_policy_file() -> None:
    settings = SETTINGS.compile(SETTINGS.read(), 1, date(2026, 1, 1)).generation.settings
    (listener,) = settings.listeners
    secrets = {f"/run/secrets/{secret['target']}": secret for secret in SERVICE["secrets"]}
    user, group = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]

    assert isinstance(listener.address, TcpAddress)
    assert isinstance(settings.admin, TcpAddress)
    assert [port["target"] for port in SERVICE["ports"]] == [listener.address.port]
    assert f":{settings.admin.port}/" in SERVICE["healthcheck"]["test"][-1]
    assert set(secrets) == {settings.admin_token_file, SERVICE["environment"]["PGPASSFILE"]}
    assert all((secret["uid"], secret["gid"], secret["mode"]) == (user, group, 0o400) for secret in secrets.values())
    assert seconds(SERVICE["stop_grace_period"]) > settings.timeouts.drain_s + KILL_AFTER_S


def test_a_task_is_replaced_only_when_another_serves() -> None:
    """What is published by the host itself could not: two tasks of one node cannot have one port."""
    update = SERVICE["deploy"]["update_config"]

    assert update["order"] == "start-first"
    assert update["failure_action"] == "rollback"
    assert {port["mode"] for port in SERVICE["ports"]} == {"ingress"}
    assert seconds(update["monitor"]) > seconds(SERVICE["healthcheck"]["start_period"])


def test_another_policy_is_another_config() -> None:
    """Swarm changes no config: the name must change with the file."""
    assert re.search(r"\$\{POLICY_VERSION:\?", TOLD["configs"]["policy"]["name"])
    assert STACK.parent / TOLD["configs"]["policy"]["file"] == POLICY


@pytest.mark.skipif(DOCKER is None, reason="no docker client is here")
@pytest.mark.parametrize(("version", "code"), [("0f1e2d3c4b5a", 0), (None, 1)])
def test_docker_understands_it(version: str | None, code: int) -> None:
    """And refuses it without the version of the policy.  No engine is asked."""
    assert DOCKER is not None
    environment = {name: value for name, value in os.environ.items() if name != "POLICY_VERSION"}
    environment |= {} if version is None else {"POLICY_VERSION": version}
    command = [DOCKER, "stack", "config", "-c", str(STACK)]
    run = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)

    assert run.returncode == code, run.stderr.decode()
    assert b"unsupported" not in run.stderr
    assert code or yaml.safe_load(run.stdout)["configs"]["policy"]["name"].endswith(str(version))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    yield from running_server()


def here(text: str, places: dict[str, str]) -> str:
    """Return a text in which things are where they are on this machine."""
    for there, place in places.items():
        text = text.replace(there, place)
    return text


@pytest.mark.parametrize("workers", [1, 2])
def test_task_runs_as_the_stack_says(workers: int, tmp_path: Path, plain: PlainFactory, server: PostgresServer) -> None:
    """Its file, command, secrets and health check; it has one connection to PostgreSQL, however many workers serve."""
    port, admin = free_port(), free_port()
    places = {
        "/etc/xoproxy/xoproxy.yaml": str(tmp_path / "xoproxy.yaml"),
        "/run/secrets": str(tmp_path),
        ":8080": f":{port}",
        ":9464": f":{admin}",
        "http://tasks.app:5000": plain({"/healthz": Reply(b"ok")}).url,
        "postgresql://xoproxy@postgresql/xoproxy": server.url().replace(f":{PASSWORD}", ""),
    }
    (tmp_path / "xoproxy.yaml").write_text(here(POLICY.read_text("utf-8"), places) + f"workers: {workers}\n", "utf-8")
    for name, text in (("admin-token", "a-token"), ("pgpass", f"*:*:*:*:{PASSWORD}\n")):
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o400)
    environment = {name: here(value, places) for name, value in SERVICE["environment"].items()}
    task = XoproxyProcess([here(argument, places) for argument in SERVICE["command"]], tmp_path / "log", environment)
    try:
        task.wait_for_port(admin)
        check = [here(argument, places) for argument in SERVICE["healthcheck"]["test"][2:]]
        until(lambda: main(check) == 0, lambda: task.output)
        with psycopg.connect(server.url()) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xoproxy'"
            until(lambda: connection.execute(asked).fetchall() == [(1,)], lambda: task.output)
    finally:
        task.stop()
    assert main(check) == 1
