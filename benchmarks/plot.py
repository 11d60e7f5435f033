"""Draw what was measured: processor time per request of each proxy, and how it grows.

    python -m benchmarks.plot figures.json benchmarks.svg

The bars begin at the baseline, on a logarithmic scale: what costs less is to the left of it.  Whiskers go from the least to the
greatest of the rounds.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log2
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import growth, report
from benchmarks.errors import BenchmarkError
from benchmarks.growth import Grown, Kind
from benchmarks.load import Round
from benchmarks.svg import ACCENT, FAINT, INK, OTHER, Drawing

WORKLOADS: Final = {"small": "small answer", "body-64k": "64 KiB", "body-1m": "1 MiB"}
KINDS: Final = (Kind.ROUTES, Kind.ORIGINS, Kind.CONNECTIONS, Kind.GENERATIONS)
_WIDTH: Final = 840
_TOP: Final = 44  # title of a chart, names of its panels
_NAMES: Final = 136  # room for the name of a proxy
_VALUE: Final = 48  # and for a figure behind a bar
_SCALE: Final = 30
_ROW: Final = 22
_LINES_HEIGHT: Final = 130
_FOOT: Final = 44
_GAP: Final = 28


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, the least and the greatest."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return that of values."""
        return cls(min(values), median(values), max(values))


def plot(values: Mapping[str, Any]) -> str:
    """Return the picture of a run's values, as they are written to JSON.

    Raises:
        BenchmarkError: they have neither of what is drawn.
    """
    baseline = str(values["environment"]["baseline"])
    rounds = [Round(**one) for one in values.get("cpu", ()) if one["workload"] in WORKLOADS]
    grown = [Grown(**{**one, "rounds": tuple(Round(**each) for each in one["rounds"])}) for one in values.get("growth", ())]
    grown = [one for one in grown if one.kind in {kind.value for kind in KINDS}]
    if not rounds and not grown:
        raise BenchmarkError("there is nothing to be drawn: that takes the part cpu with small, body-64k or body-1m, or growth")
    proxies = list(dict.fromkeys(one.proxy for one in rounds if one.proxy != baseline))
    bars_height = _TOP + _ROW * len(proxies) + _FOOT if rounds else 0
    lines_height = _TOP + _LINES_HEIGHT + _FOOT if grown else 0
    drawing = Drawing(_WIDTH, bars_height + lines_height, f"Processor time per request of proxies, as ratios to {baseline}")
    if rounds:
        _draw_bars(drawing, rounds, proxies, baseline)
    if grown:
        _draw_lines(drawing, grown, bars_height)
    return str(drawing)


@dataclass(frozen=True, slots=True)
class Scale:
    """Ratios on a logarithmic scale, between two ends of a line."""

    low: float
    high: float
    begin: float
    length: float

    def at(self, value: float) -> float:
        """Return where a ratio is."""
        return self.begin + self.length * log2(value / self.low) / log2(self.high / self.low)

    def ticks(self) -> list[float]:
        """Return the powers of two, and every second one if there are many."""
        every = 1 if self.high / self.low < 32 else 2
        powers = range(ceil(log2(self.low) - 1e-9), floor(log2(self.high) + 1e-9) + 1)
        return [2.0**power for power in powers if power % every == 0]


def _draw_bars(drawing: Drawing, rounds: Sequence[Round], proxies: Sequence[str], baseline: str) -> None:
    """Draw a panel for each workload, and in it a row for each proxy, cheapest first."""
    drawing.text((0, 14), f"Processor time per request, x {baseline} (logarithmic; left is better)", bold=True)
    workloads = [name for name in WORKLOADS if any(one.workload == name for one in rounds)]
    cells = {
        (workload, proxy): Spread.of(found)
        for workload in workloads
        for proxy in proxies
        if (found := report.ratios(rounds, workload, proxy, baseline))
    }
    firsts = {proxy: cells[workloads[0], proxy].middle for proxy in proxies if (workloads[0], proxy) in cells}
    order = sorted(proxies, key=lambda proxy: firsts.get(proxy, inf))
    low, high = min([0.5, *(one.low for one in cells.values())]), max([2.0, *(one.high for one in cells.values())])
    panel = (_WIDTH - _NAMES) / len(workloads)
    for row, proxy in enumerate(order):
        drawing.text((_NAMES - 8, _TOP + row * _ROW + 15), proxy, "end", bold=_is_ours(proxy))
    for number, workload in enumerate(workloads):
        scale = Scale(low, high, _NAMES + number * panel, panel - _VALUE)
        _draw_scale(drawing, scale, WORKLOADS[workload], _TOP + len(order) * _ROW)
        for row, proxy in enumerate(order):
            if (workload, proxy) in cells:
                _draw_bar(drawing, scale, row, cells[workload, proxy], ACCENT if _is_ours(proxy) else OTHER)


def _draw_scale(drawing: Drawing, scale: Scale, name: str, bottom: float) -> None:
    drawing.text((scale.begin, _TOP - 10), name)
    for tick in scale.ticks():
        drawing.line([(scale.at(tick), _TOP), (scale.at(tick), bottom)], INK if tick == 1 else FAINT)
        drawing.text((scale.at(tick), bottom + 16), f"{tick:g}", "middle")


def _draw_bar(drawing: Drawing, scale: Scale, row: int, cell: Spread, colour: str) -> None:
    top, middle = _TOP + row * _ROW, _TOP + row * _ROW + _ROW / 2
    begin, end = sorted((scale.at(1), scale.at(cell.middle)))
    drawing.rectangle((begin, top + 4), max(end - begin, 1), _ROW - 8, colour)
    drawing.line([(scale.at(cell.low), middle), (scale.at(cell.high), middle)], INK, 1.5)
    drawing.text((max(scale.at(cell.high), scale.at(1)) + 4, middle + 4), f"{cell.middle:.2f}")


def _draw_lines(drawing: Drawing, grown: Sequence[Grown], top: float) -> None:
    """Draw a panel for each kind, and in it a line for each proxy."""
    drawing.text((0, top + 14), "Processor time per request, x that at the smallest number (flat is best)", bold=True)
    kinds = [kind.value for kind in KINDS if any(one.kind == kind.value for one in grown)]
    ratios = {(one.kind, one.proxy, one.size): Spread.of(growth.ratios(grown, one)) for one in grown}
    high = max([1.5, *(one.high for one in ratios.values())])
    panel = (_WIDTH - _SCALE) / len(kinds)
    ground = top + _TOP + _LINES_HEIGHT

    def height(value: float) -> float:
        return ground - min(value, high) / high * _LINES_HEIGHT

    for tick in range(floor(high) + 1):
        drawing.line([(_SCALE, height(tick)), (_WIDTH - _GAP, height(tick))], INK if tick == 1 else FAINT)
        drawing.text((_SCALE - 6, height(tick) + 4), f"{tick}", "end")
    for number, kind in enumerate(kinds):
        sizes = sorted({size for each, _, size in ratios if each == kind})
        step = (panel - 2 * _GAP) / max(1, len(sizes) - 1)
        places = {size: _SCALE + number * panel + _GAP / 2 + at * step for at, size in enumerate(sizes)}
        drawing.text((places[sizes[0]], top + _TOP - 10), kind)
        for size, x in places.items():
            drawing.text((x, ground + 16), f"{size:,}", "middle")
        for proxy in dict.fromkeys(each for this, each, _ in ratios if this == kind):
            cells = [(x, ratios[kind, proxy, size]) for size, x in places.items() if (kind, proxy, size) in ratios]
            colour = ACCENT if _is_ours(proxy) else OTHER
            drawing.line([(x, height(cell.middle)) for x, cell in cells], colour, 2)
            for x, cell in cells:
                drawing.line([(x, height(cell.low)), (x, height(cell.high))], colour, 1.5)
                drawing.dot((x, height(cell.middle)), colour)
    _draw_legend(drawing, list(dict.fromkeys(one.proxy for one in grown)), ground + 36)


def _draw_legend(drawing: Drawing, proxies: Sequence[str], y: float) -> None:
    for number, proxy in enumerate(proxies):
        x = _SCALE + number * _NAMES
        drawing.rectangle((x, y - 9), 10, 10, ACCENT if _is_ours(proxy) else OTHER)
        drawing.text((x + 15, y), proxy)


def _is_ours(proxy: str) -> bool:
    return proxy.startswith("xoproxy")


def main(arguments: Sequence[str]) -> None:
    """Draw the figures of a file into another."""
    figures, picture = map(Path, arguments)
    picture.write_text(plot(json.loads(figures.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
