"""Alert rules and dashboard work with the metrics that there are, and the document lists exactly those."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.expositions import families, snapshot
from support.markdown import ROOT, code, rows, section

from xoproxy.admin.exposition import write

PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/xoproxy.json"
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: Debian's package prometheus has it")


def promtool(*arguments: str, text: bytes = b"", where: Path = PROMETHEUS) -> None:
    """Run promtool, which must find nothing."""
    assert PROMTOOL is not None
    run = subprocess.run([PROMTOOL, *arguments], cwd=where, input=text, capture_output=True, check=False, timeout=60)

    assert run.returncode == 0, (run.stdout + run.stderr).decode()


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yaml"),
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", "alerts.test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing(arguments: tuple[str, ...]) -> None:
    promtool(*arguments)


@needs_promtool
@pytest.mark.parametrize("name", ["kubernetes.yaml", "swarm.yaml"])
def test_promtool_finds_nothing_in_what_is_for_clusters(name: str, tmp_path: Path) -> None:
    """With a token file that is here.  Debian's promtool is built without the discovery of pods: the rest is checked."""
    token = tmp_path / "token"
    token.touch()
    told = yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))
    (job,) = told["scrape_configs"]
    job["authorization"]["credentials_file"] = str(token)
    if job.pop("kubernetes_sd_configs", None):
        job["static_configs"] = [{"targets": ["localhost:9464"]}]
    shutil.copy(PROMETHEUS / "alerts.yaml", tmp_path)
    (tmp_path / name).write_text(yaml.safe_dump(told), "utf-8")

    promtool("check", "config", name, where=tmp_path)


@needs_promtool
def test_exposition_follows_the_conventions() -> None:
    """Names, units, suffixes, help texts: `promtool check metrics` looks for them."""
    promtool("check", "metrics", text=write(snapshot(), is_open=False))


def names() -> set[str]:
    """Return the names of all samples that a scrape can bring."""
    return {sample.name for family in families() for sample in family.samples}


def queries(panel: Any) -> list[str]:
    """Return everything that a dashboard asks Prometheus, wherever it stands."""
    if isinstance(panel, list):
        return [query for part in panel for query in queries(part)]
    if isinstance(panel, dict):
        own = [panel[key] for key in ("expr", "definition") if isinstance(panel.get(key), str)]
        return own + [query for part in panel.values() for query in queries(part)]
    return []


def named(query: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(re.findall(r"\b(?:xoproxy|process)_\w+", query))


def test_alert_rules_and_their_tests_name_metrics_that_there_are() -> None:
    """A name that is wrong is no error in a rule: it would never fire."""
    rules = (PROMETHEUS / "alerts.yaml").read_text("utf-8")
    tests = (PROMETHEUS / "alerts.test.yaml").read_text("utf-8")
    alerts = set(re.findall(r"alert: (\w+)", rules))

    assert named(rules) | named(tests) <= names()
    assert {name for name in alerts if name not in tests} == set()


def test_dashboard_names_metrics_that_there_are_and_leaves_none_out() -> None:
    """But for those that are there for other questions."""
    asked = set().union(*map(named, queries(json.loads(DASHBOARD.read_text("utf-8")))))
    ours = {name for name in names() if name.startswith("xoproxy_") and not name.endswith(("_count", "_sum"))}

    assert asked <= names()
    assert ours - asked == set()


def test_dashboard_has_no_panel_twice_and_none_over_another() -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    cells = [
        (at["x"] + x, at["y"] + y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["w"])
        for y in range(at["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)


def test_document_lists_exactly_the_metrics_with_types_and_labels() -> None:
    found = {}
    for family in families():
        if family.name.startswith("xoproxy_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
    table = rows(section(ROOT / "docs/metrics.md", "The metrics").text)
    listed = {code(row[0])[0]: (row[1], set(code(row[2]))) for row in table if code(row[0])}

    assert listed == found
