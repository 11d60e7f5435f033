"""The figures of docs/scaling.md follow from those that were measured, and are those of the manifests."""

import math
import re

from support.kubernetes import MANIFESTS, documents, pod_spec, resources, xoproxy_in
from support.markdown import ROOT, rows, section

DOCUMENT = ROOT / "docs/scaling.md"
TEXT = " ".join(DOCUMENT.read_text("utf-8").split())
FRONT_DOOR = MANIFESTS / "front-door"


def autoscaler() -> dict[str, int]:
    """Return the numbers of the autoscaler."""
    (spec,) = (thing["spec"] for thing in resources(FRONT_DOOR) if thing["kind"] == "HorizontalPodAutoscaler")
    (metric,) = spec["metrics"]
    percent = metric["containerResource"]["target"]["averageUtilization"]
    return {"least": spec["minReplicas"], "most": spec["maxReplicas"], "percent": percent}


def test_replicas_follow_from_the_measured_cost() -> None:
    """Who measures anew changes one figure, and the rows that this then asks for."""
    (cost_us,) = re.findall(r"takes (\d+) us of one core", TEXT)
    scaler = autoscaler()
    found = [row for row in rows(section(DOCUMENT, "How many replicas").text) if len(row) == 3]
    wanted = []
    for rate, _, _ in found:
        cores = int(rate.replace(",", "")) * int(cost_us) / 1_000_000
        replicas = max(scaler["least"], math.ceil(cores / (scaler["percent"] / 100)) + 1)
        wanted.append([rate, f"{cores:.2f}", str(replicas)])

    assert found == wanted
    assert len(found) > 3


def test_figures_in_the_text_are_those_of_the_manifests() -> None:
    scaler = autoscaler()
    spec = pod_spec(FRONT_DOOR)
    resources_of = xoproxy_in(spec)["resources"]
    sleep_s = xoproxy_in(spec)["lifecycle"]["preStop"]["sleep"]["seconds"]
    (drain,) = (told["timeouts"]["drain"] for told in documents(MANIFESTS / "base/xoproxy.yaml"))

    assert f"here {sleep_s} + {drain.rstrip('s')} + 5 < {spec['terminationGracePeriodSeconds']}" in TEXT
    assert f"{scaler['least']} to {scaler['most']} replicas" in TEXT
    assert f"not less than {scaler['least']}" in TEXT
    assert f"{scaler['percent'] / 100} is the share" in TEXT
    assert f"{scaler['most']} + 1 + 1 here" in TEXT
    assert f"`requests` of {resources_of['requests']['memory']}" in TEXT
    assert f"limit of {resources_of['limits']['memory']}" in TEXT


def test_every_manifest_is_told_of() -> None:
    """By a link to it, or to the directory that it is in."""
    linked = set(re.findall(r"\]\(\.\./(deploy/[^)]+)\)", TEXT))
    manifests = [path for path in (ROOT / "deploy").glob("*/**/*.yaml") if "kubernetes" in path.parts or "swarm" in path.parts]
    manifests += [
        *(ROOT / "deploy/ci").iterdir(),
        ROOT / "deploy/prometheus/swarm.yaml",
        ROOT / "deploy/prometheus/kubernetes.yaml",
    ]

    assert not [
        path
        for path in map(str, (path.relative_to(ROOT) for path in manifests))
        if not any(path == link or path.startswith(f"{link}/") for link in linked)
    ]
