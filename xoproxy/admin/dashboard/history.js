// Plots over time of the samples that the endpoint keeps, and of those that come.  uPlot draws; colours are those of the page.

import { h, replace } from "./dom.js";
import { clock, rate } from "./format.js";
import { nothing } from "./parts.js";
import uPlot from "./vendor/uplot-1.6.32/uPlot.esm.js";

const MOST = 360; // samples: an hour
const isDark = matchMedia("(prefers-color-scheme: dark)");

export class History {
  /** `plots`: title, unit, height, and lines with a name, the member of a sample, and which of the page's colours. */
  constructor(place, plots) {
    this.#place = place;
    this.#plots = plots;
    this.#sizes = new ResizeObserver(() => this.#fit());
    this.#sizes.observe(place);
    isDark.addEventListener("change", this.#redraw);
    this.samples = [];
  }

  #place;
  #plots;
  #sizes;
  #drawn = [];
  #redraw = () => this.#draw();

  open(samples) {
    this.samples = samples;
    this.#draw();
  }

  add(sample) {
    if (this.samples.length && this.samples[this.samples.length - 1].time >= sample.time) {
      return;
    }
    this.samples = [...this.samples, sample].slice(-MOST);
    if (this.#drawn.length === this.#plots.length) {
      this.#drawn.forEach(({ plot, figure }, index) => {
        plot.setData(this.#data(this.#plots[index]));
        figure.setAttribute("aria-label", this.#said(this.#plots[index]));
      });
    } else {
      this.#draw();
    }
  }

  close() {
    this.#sizes.disconnect();
    isDark.removeEventListener("change", this.#redraw);
    this.#clear();
  }

  #clear() {
    for (const { plot } of this.#drawn) {
      plot.destroy();
    }
    this.#drawn = [];
  }

  #draw() {
    this.#clear();
    if (this.samples.length < 2) {
      replace(this.#place, nothing("Nothing to draw yet: a sample is taken every ten seconds."));
      return;
    }
    const figures = this.#plots.map((plot) => h("div", { class: "plot", role: "img", "aria-label": this.#said(plot) }));
    replace(this.#place, figures);
    this.#drawn = figures.map((figure, index) => ({
      figure,
      plot: draw(figure, this.#plots[index], this.#data(this.#plots[index]), this.#width()),
    }));
  }

  #data({ lines }) {
    return [this.samples.map((sample) => sample.time), ...lines.map((line) => this.samples.map((sample) => sample[line.of]))];
  }

  #said({ title, lines, unit }) {
    const last = this.samples[this.samples.length - 1];
    const values = lines.map((line) => `${line.name} ${last[line.of] === null ? "none" : `${rate(last[line.of])} ${unit}`}`);
    return `${title}, last at ${clock(last.time)}: ${values.join(", ")}`;
  }

  #width() {
    return Math.max(240, Math.floor(this.#place.clientWidth));
  }

  #fit() {
    for (const { plot } of this.#drawn) {
      if (plot.width !== this.#width()) {
        plot.setSize({ width: this.#width(), height: plot.height });
      }
    }
  }
}

function draw(figure, { title, unit, height, lines }, data, width) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1, size: 4 },
    font: `12px ${colour("--sans")}`,
  };
  const shown = (_, value) => (value === null || value === undefined ? "–" : `${rate(value)} ${unit}`);
  const options = {
    title,
    width,
    height,
    tzDate: (seconds) => new Date(seconds * 1000),
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: 34,
        values: (_, ticks, _axis, _space, step) => ticks.map((tick) => clock(tick).slice(-8, step < 60 ? undefined : -3)),
      },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => rate(tick)) },
    ],
    series: [
      { label: "time", value: (_, value) => (value === null ? "–" : clock(value)) },
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(`--series-${line.kind}`),
        fill: line.fill ? colour(`--series-${line.kind}-fill`) : undefined,
        width: 1.75,
        points: { show: false },
        value: shown,
      })),
    ],
  };
  return new uPlot(options, data, figure);
}
