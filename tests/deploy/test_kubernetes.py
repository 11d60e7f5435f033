"""The Kubernetes manifests: what they say fits together, with the policy files in them and with what xoproxy really does."""

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.backends import Reply
from support.fixtures import PlainFactory
from support.kubernetes import (
    KUSTOMIZATIONS,
    MANIFESTS,
    SECRETS,
    Container,
    Object,
    config_files,
    deployment,
    documents,
    pod_spec,
    resources,
    xoproxy_in,
)
from support.markdown import ROOT
from support.postgresql import PASSWORD, PostgresServer, running_server

from xoproxy.cli import demo, main
from xoproxy.cli.parser import make_parser
from xoproxy.config import Overrides
from xoproxy.config.settings import Settings, TcpAddress
from xoproxy.runtime.source import ConfigSource
from xoproxy.runtime.workers.member import KILL_AFTER_S

KUBECTL = shutil.which("kubectl")
FRONT_DOOR, SIDECAR, CANARY = MANIFESTS / "front-door", MANIFESTS / "sidecar", MANIFESTS / "canary"
DEPLOYMENTS = (FRONT_DOOR, SIDECAR)

each = pytest.mark.parametrize("kustomization", DEPLOYMENTS, ids=lambda path: path.name)


def settings_of(file: Path) -> Settings:
    """Return what a policy file sets."""
    source = ConfigSource(file, Overrides())
    return source.compile(source.read(), 1, date(2026, 1, 1)).generation.settings


def settings(kustomization: Path) -> Settings:
    """Return what the policy file of a kustomization sets."""
    (file,) = config_files(kustomization).values()
    return settings_of(file)


def one(kustomization: Path, kind: str) -> Object:
    """Return the spec of the one object of a kind."""
    (found,) = (thing["spec"] for thing in resources(kustomization) if thing["kind"] == kind)
    return dict(found)


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*/xoproxy.yaml")), ids=lambda path: path.parent.name)
def test_policy_file_has_no_problems(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(path), "--strict"]) == 0, capsys.readouterr().out


def test_policy_tests_of_the_front_door_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(MANIFESTS / "base/policy-tests.yaml")]) == 0, capsys.readouterr().out


def test_canary_begins_with_the_policy_of_the_front_door() -> None:
    """But for the comment at its top: who deploys it as it is changes nothing."""
    texts = [(directory / "xoproxy.yaml").read_text("utf-8") for directory in (CANARY, MANIFESTS / "base")]
    canary, base = (text.split("\n", 1)[1] for text in texts)

    assert canary == base


@each
def test_arguments_are_those_of_the_command_line(kustomization: Path) -> None:
    """And the file that they name is where the ConfigMap is mounted: the directory of it, no subPath."""
    container = xoproxy_in(pod_spec(kustomization))

    args = make_parser(demo.add_arguments).parse_args(container["args"])

    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod_spec(kustomization)["volumes"]}
    assert args.config == f"{mounts['policy']['mountPath']}/{next(iter(config_files(kustomization)))}"
    assert set(mounts) == set(volumes)
    assert not [mount for mount in mounts.values() if "subPath" in mount]


@each
def test_generated_configmap_is_the_one_that_is_mounted(kustomization: Path) -> None:
    base = MANIFESTS / "base" if kustomization == FRONT_DOOR else kustomization
    (generator,) = documents(base / "kustomization.yaml")[0]["configMapGenerator"]
    mounted = [volume["configMap"]["name"] for volume in pod_spec(kustomization)["volumes"] if "configMap" in volume]

    assert mounted == [generator["name"]]
    assert generator["options"]["disableNameSuffixHash"] is True


@each
def test_ports_and_token_file_are_those_of_the_policy_file(kustomization: Path) -> None:
    told = settings(kustomization)
    container = xoproxy_in(pod_spec(kustomization))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (listener,) = told.listeners
    secret = next(volume["secret"] for volume in pod_spec(kustomization)["volumes"] if "secret" in volume)
    mount = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets")

    assert isinstance(listener.address, TcpAddress)
    assert isinstance(told.admin, TcpAddress)
    assert ports == {"http": listener.address.port, "admin": told.admin.port}
    assert told.admin_token_file == f"{mount}/{secret['items'][0]['path']}"


@each
def test_there_is_time_to_drain(kustomization: Path) -> None:
    """The kubelet counts from the beginning of preStop; a worker that hangs is killed some seconds after the time to drain."""
    spec = pod_spec(kustomization)
    sleep_s = xoproxy_in(spec)["lifecycle"]["preStop"]["sleep"]["seconds"]
    ends_s = sleep_s + settings(kustomization).timeouts.drain_s + KILL_AFTER_S

    assert sleep_s > 0
    assert spec["terminationGracePeriodSeconds"] > ends_s
    for container in spec["containers"]:
        if container["name"] != "xoproxy":  # the application answers what xoproxy still has
            assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > ends_s


@each
def test_pod_is_restricted(kustomization: Path) -> None:
    """As the level `restricted` of the Pod Security Standards asks for, and with a root that cannot be written."""
    spec = pod_spec(kustomization)
    user = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER "))

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert f"USER {spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" == user
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["enableServiceLinks"] is False
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert xoproxy_in(spec)["securityContext"]["readOnlyRootFilesystem"] is True


@each
def test_images_have_a_version(kustomization: Path) -> None:
    base = MANIFESTS / "base" if kustomization == FRONT_DOOR else kustomization
    images = {image["name"]: image for image in documents(base / "kustomization.yaml")[0]["images"]}

    assert set(images) == {container["image"] for container in pod_spec(kustomization)["containers"]}
    assert all(image["newTag"] != "latest" for image in images.values())


@each
def test_selectors_find_the_pods(kustomization: Path) -> None:
    """Service, PodDisruptionBudget and NetworkPolicy, and the pods are spread by their own labels."""
    labels = deployment(kustomization)["spec"]["template"]["metadata"]["labels"].items()
    selectors = [deployment(kustomization)["spec"]["selector"]["matchLabels"], one(kustomization, "Service")["selector"]]
    if kustomization == FRONT_DOOR:
        selectors += [one(kustomization, "PodDisruptionBudget")["selector"]["matchLabels"]]
        selectors += [one(kustomization, "NetworkPolicy")["podSelector"]["matchLabels"]]
        selectors += [spread["labelSelector"]["matchLabels"] for spread in pod_spec(kustomization)["topologySpreadConstraints"]]

    assert all(selector.items() <= labels for selector in selectors)


def test_service_takes_the_canary_in_and_deployments_stay_apart() -> None:
    """The canary's label `track` is another, and the Service does not ask for it."""
    (told,) = documents(CANARY / "kustomization.yaml")
    track = told["labels"][0]["pairs"]["track"]

    assert "track" not in one(FRONT_DOOR, "Service")["selector"]
    assert told["labels"][0]["includeSelectors"] is True
    assert deployment(FRONT_DOOR)["spec"]["selector"]["matchLabels"]["track"] != track


def test_autoscaler_has_the_number_of_replicas() -> None:
    scaler = one(FRONT_DOOR, "HorizontalPodAutoscaler")
    (metric,) = scaler["metrics"]

    assert scaler["scaleTargetRef"]["name"] == deployment(FRONT_DOOR)["metadata"]["name"]
    assert "replicas" not in deployment(FRONT_DOOR)["spec"]
    assert metric["containerResource"]["name"] in xoproxy_in(pod_spec(FRONT_DOOR))["resources"]["requests"]
    assert metric["containerResource"]["container"] == "xoproxy"
    assert scaler["minReplicas"] > one(FRONT_DOOR, "PodDisruptionBudget")["maxUnavailable"]


def test_network_policy_lets_in_and_out_what_the_policy_file_needs() -> None:
    rules = one(FRONT_DOOR, "NetworkPolicy")
    reached = {port["port"] for rule in rules["egress"] for port in rule["ports"]}
    upstreams = {endpoint.port for upstream in settings(FRONT_DOOR).upstreams for endpoint in upstream.endpoints}
    by_port = {rule["ports"][0]["port"]: rule for rule in rules["ingress"]}

    assert reached == {53, 5432} | upstreams
    assert set(by_port) == {port["name"] for port in xoproxy_in(pod_spec(FRONT_DOOR))["ports"]}
    assert "from" not in by_port["http"]
    assert by_port["admin"]["from"]


def test_pods_are_scraped_where_they_tell_metrics() -> None:
    """By the operator and without it; under the job name by which the alert rules ask."""
    (monitor,) = documents(MANIFESTS / "podmonitor.yaml")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    labels = deployment(FRONT_DOOR)["spec"]["template"]["metadata"]["labels"]
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/kubernetes.yaml").read_text())["scrape_configs"]
    (discovery,) = job["kubernetes_sd_configs"]
    alerts = (ROOT / "deploy/prometheus/alerts.yaml").read_text()

    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["spec"]["jobLabel"]] == job["job_name"]
    assert f'job="{job["job_name"]}"' in alerts
    assert endpoint["path"] == job["metrics_path"] == "/-/metrics"
    assert endpoint["port"] == job["relabel_configs"][0]["regex"] == "admin"
    assert endpoint["authorization"]["credentials"]["key"] in SECRETS
    assert discovery["selectors"][0]["label"] in {f"{name}={value}" for name, value in labels.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    yield from running_server()


def ask(port: int, path: str, **fields: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Connection": "close", **fields})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


@each
def test_container_runs_as_the_manifest_says(
    kustomization: Path, tmp_path: Path, plain: PlainFactory, server: PostgresServer
) -> None:
    """Its file, arguments, environment, secrets, ports and probes; SIGTERM ends it well."""
    backend = plain({"/": Reply(b"a page"), "/api/items": Reply(b"[]"), "/healthz": Reply(b"ok")})
    elsewhere = dict.fromkeys(("http://web:5000", "http://api:5000", "http://127.0.0.1:5000"), backend.url)
    elsewhere["postgresql://xoproxy@postgresql/xoproxy"] = server.url().replace(f":{PASSWORD}", "")
    container = Container(kustomization, tmp_path / "pod", elsewhere, {"PGPASSWORD": PASSWORD})
    try:
        container.until_ready()
        probes = {name: container.probe(name) for name in container.spec if name.endswith("Probe")}
        page = ask(container.ports["http"], "/")
        bearer = {"Authorization": f"Bearer {SECRETS['admin-token']}"}
        told = ask(container.ports["admin"], "/-/reports", **bearer) if kustomization == FRONT_DOOR else None
        metrics = [ask(container.ports["admin"], "/-/metrics", **fields)[0] for fields in (bearer, {})]
    finally:
        container.stop()

    assert probes == {"startupProbe": 200, "readinessProbe": 200, "livenessProbe": 200}
    assert (page[0], page[2]) == (200, b"a page")
    assert page[1]["Cross-Origin-Opener-Policy"].startswith("same-origin")
    assert metrics == [200, 401]
    if told is not None:
        assert json.loads(told[2])["store"]["name"] == f"postgresql://127.0.0.1:{server.port}/postgres"
        assert json.loads(told[2])["store"]["error"] == ""


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not here")
@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS, ids=lambda path: path.name)
def test_kubectl_builds_it(kustomization: Path) -> None:
    """Names, labels and images as the parts of it say; where kubernetes-validate is, the objects are what Kubernetes takes."""
    assert KUBECTL is not None
    run = subprocess.run([KUBECTL, "kustomize", str(kustomization)], capture_output=True, check=False, timeout=60)
    built: dict[str, Any] = {thing["kind"]: thing for thing in yaml.safe_load_all(run.stdout)}
    pods = built["Deployment"]["spec"]["template"]
    mounted = next(volume["configMap"]["name"] for volume in pods["spec"]["volumes"] if "configMap" in volume)

    assert run.returncode == 0, run.stderr.decode()
    assert built["Deployment"]["spec"]["selector"]["matchLabels"] == pods["metadata"]["labels"]
    assert built["ConfigMap"]["metadata"]["name"] == mounted
    assert built["ConfigMap"]["data"] == {name: file.read_text() for name, file in config_files(kustomization).items()}
    assert all(container["image"].startswith("registry.example.com/") for container in pods["spec"]["containers"])
    if kustomization == CANARY:
        assert (built["Deployment"]["metadata"]["name"], built["Deployment"]["spec"]["replicas"]) == ("xoproxy-canary", 1)
        assert pods["metadata"]["labels"].items() >= one(FRONT_DOOR, "Service")["selector"].items()


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS, ids=lambda path: path.name)
def test_objects_are_what_kubernetes_takes(kustomization: Path, version: str) -> None:
    """By its OpenAPI schemas.  They are 108 MB, so they are no dependency: `pip install kubernetes-validate` after a change."""
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not here")

    for thing in resources(kustomization):
        validate.validate(thing, version, strict=True)
