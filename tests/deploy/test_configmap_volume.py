"""A ConfigMap that changes under a running container: what xoproxy does, with a volume as the kubelet makes it."""

import http.client
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.backends import Reply
from support.fixtures import PlainFactory
from support.kubernetes import MANIFESTS, SECRETS, Container, Volume
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import until

SIDECAR = MANIFESTS / "sidecar"
POLICY = (SIDECAR / "xoproxy.yaml").read_text("utf-8")
UNSHARE = shutil.which("unshare")


@pytest.fixture
def container(tmp_path: Path, plain: PlainFactory) -> Iterator[Container]:
    """The sidecar in front of an application."""
    backend = plain({}, Reply(b"a page"))
    running = Container(SIDECAR, tmp_path / "pod", {"http://127.0.0.1:5000": backend.url}, {})
    running.until_ready()
    yield running
    running.stop()


def opener_policy(port: int) -> str | None:
    """Return the policy that a page comes with; it must come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Connection": "close"})
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"a page")
    return response.headers["Cross-Origin-Opener-Policy"]


def with_opener_policy(value: str) -> str:
    return POLICY.replace("policy: isolated", f"policy: {{coop: {value}}}")


def ready(container: Container) -> dict[str, object]:
    """Return what `/-/ready` says, as somebody reads it who wants to know."""
    connection = http.client.HTTPConnection("127.0.0.1", container.ports["admin"], timeout=20)
    connection.request("GET", "/-/ready", headers={"Connection": "close"})
    document: dict[str, object] = json.loads(connection.getresponse().read())
    return document


def test_swapped_link_is_seen_and_nobody_loses_a_request(container: Container) -> None:
    """The new policy is in force without a new pod; clients that ask all the time are all answered, by one of the two."""
    seen: list[str | None] = []
    enough = threading.Event()

    def ask_until_enough() -> None:
        while not enough.is_set():
            seen.append(opener_policy(container.ports["http"]))

    client = threading.Thread(target=ask_until_enough)
    client.start()
    try:
        for value in ("same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"):
            container.write_policy(with_opener_policy(value))
            until(lambda value=value: value in seen, lambda: container.output)  # type: ignore[misc]
    finally:
        enough.set()
        client.join()

    assert list(dict.fromkeys(seen)) == ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"]
    assert container.probe("readinessProbe") == 200


def test_invalid_file_changes_nothing_and_the_pod_stays_ready(container: Container) -> None:
    """Who looks at `/-/ready` or the metric is told; the next good file is taken."""
    container.write_policy(with_opener_policy("same-orign"))
    container.wait_for_output("was rejected")
    rejected = ready(container)["last_reload"]

    assert isinstance(rejected, dict)
    assert rejected["outcome"] == "rejected"
    assert container.probe("readinessProbe") == 200
    assert opener_policy(container.ports["http"]) == "same-origin"

    container.write_policy(with_opener_policy("unsafe-none"))
    until(lambda: opener_policy(container.ports["http"]) == "unsafe-none", lambda: container.output)


def can_mount() -> bool:
    """Whether this user may have a mount namespace and mount in it."""
    if UNSHARE is None:
        return False
    return subprocess.run([UNSHARE, "-m", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here: that takes root on Linux")
def test_sub_path_stays_what_it_was_and_that_is_said(tmp_path: Path, plain: PlainFactory) -> None:
    """A `subPath` is a bind mount of the file that the links led to: it is never another one.

    When the volume changes, the kubelet removes that file; the mount keeps it, without a name.
    """
    backend, port, admin_port = plain({}, Reply(b"a page")), free_port(), free_port()
    text = with_opener_policy("same-origin").replace("http://127.0.0.1:5000", backend.url)
    volume = Volume(tmp_path / "volume", {"xoproxy.yaml": text})
    mounted = tmp_path / "xoproxy.yaml"
    mounted.touch()
    arguments = ["run", "-c", str(mounted), "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin_port}"]
    script = 'mount --bind "$(readlink -f "$1")" "$2" && shift 2 && exec "$@"'
    through = [UNSHARE or "", "-m", "sh", "-c", script, "sh", str(volume.directory / "xoproxy.yaml"), str(mounted)]
    process = XoproxyProcess(arguments, tmp_path / "log", {"XOPROXY_ADMIN_TOKEN": SECRETS["admin-token"]}, through)
    try:
        process.wait_for_output("listening on")
        volume.write({"xoproxy.yaml": text.replace("same-origin", "unsafe-none")})
        process.wait_for_output('"orphaned"')
        policy = opener_policy(port)
    finally:
        process.stop()

    assert policy == "same-origin"
    assert "mount the directory instead of the single file" in process.output
