"""The picture is well-formed, shows what was measured, and nothing that was not."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot as plotting
from benchmarks.errors import BenchmarkError
from benchmarks.growth import Grown
from benchmarks.load import Round
from benchmarks.plot import Scale, plot

ENVIRONMENT = {"baseline": "nginx"}
SVG = "{http://www.w3.org/2000/svg}"


def rounds(workload: str, **user_s: float) -> list[dict[str, object]]:
    return [asdict(Round(proxy, workload, 1000, 1.0, used, 0.0, 1.0, 2.0)) for proxy, used in user_s.items() for _ in range(3)]


def grown(kind: str, proxy: str, *sizes: int) -> list[dict[str, object]]:
    return [asdict(Grown(kind, proxy, size, (Round(proxy, "small", 1000, 1.0, 1.0, 0.0, 1.0, 2.0),))) for size in sizes]


def texts(picture: str) -> list[str]:
    """Return what a picture says, in the order of its elements."""
    return [str(one.text) for one in ET.fromstring(picture).iter(f"{SVG}text")]


def test_bars_are_ratios_to_the_baseline_cheapest_first() -> None:
    cpu = rounds("small", nginx=2.0, dear=9.0, xoproxy=3.0) + rounds("body-1m", nginx=2.0, dear=1.0, xoproxy=1.5)
    said = texts(plot({"environment": ENVIRONMENT, "cpu": cpu}))

    assert [text for text in said if text in {"xoproxy", "dear", "nginx"}] == ["xoproxy", "dear"]
    assert [text for text in said if re.fullmatch(r"\d+\.\d\d", text)] == ["1.50", "4.50", "0.75", "0.50"]
    assert "1 MiB" in said
    assert "64 KiB" not in said


def test_proxy_without_rounds_of_a_workload_has_a_row_without_a_bar() -> None:
    cpu = rounds("small", nginx=2.0, xoproxy=3.0) + rounds("body-64k", nginx=2.0, xoproxy=2.5, other=4.0)
    said = texts(plot({"environment": ENVIRONMENT, "cpu": cpu}))

    assert [text for text in said if re.fullmatch(r"\d+\.\d\d", text)] == ["1.50", "1.25", "2.00"]
    assert said.index("other") > said.index("xoproxy")


def test_growth_has_a_panel_for_each_kind_and_none_for_workers() -> None:
    values = grown("routes", "nginx", 1, 5000) + grown("routes", "xoproxy", 1, 5000) + grown("workers", "xoproxy", 1, 2)
    picture = plot({"environment": ENVIRONMENT, "growth": values})

    assert {"routes", "5,000", "nginx", "xoproxy"} <= set(texts(picture))
    assert "workers" not in texts(picture)
    assert len(list(ET.fromstring(picture).iter(f"{SVG}circle"))) == 4


def test_picture_names_no_colour_that_only_one_background_shows() -> None:
    picture = plot({"environment": ENVIRONMENT, "cpu": rounds("small", nginx=2.0, xoproxy=3.0)})

    assert {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}", picture)} <= {"#76818d", "#d1771a", "#6b8cb0"}
    assert "<title>" in picture


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(BenchmarkError, match="nothing to be drawn"):
        plot({"environment": ENVIRONMENT, "cpu": rounds("browser", nginx=1.0)})


@pytest.mark.parametrize(("low", "high", "ticks"), [(0.5, 4, [0.5, 1, 2, 4]), (0.4, 70, [1, 4, 16, 64])])
def test_scale_has_ticks_that_are_powers_of_two(low: float, high: float, ticks: list[float]) -> None:
    scale = Scale(low, high, 100, 200)

    assert scale.ticks() == ticks
    assert [scale.at(low), scale.at(high)] == [100, pytest.approx(300)]


def test_command_draws_a_file(tmp_path: Path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    figures.write_text(
        json.dumps({"environment": ENVIRONMENT, "cpu": rounds("small", nginx=2.0, xoproxy=3.0)}), encoding="utf-8"
    )
    plotting.main([str(figures), str(picture)])

    assert "1.50" in texts(picture.read_text(encoding="utf-8"))
