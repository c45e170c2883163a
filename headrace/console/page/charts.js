// The charts of one model (a line for each version) or of the whole server, and the table that says what each line is at.
import { Chart } from "./chart.js";
import { byName, clock, count, milliseconds, rate } from "./format.js";
import { el, keyed, setAttribute, setText, svg } from "./dom.js";

const CHARTS = [
  { title: "Requests", unit: "per second", field: "requests", floor: 1, show: rate, gather: mean },
  { title: "Errors", unit: "per second", field: "errors", floor: 1, show: rate, gather: mean },
  { title: "Latency p50", unit: "ms", field: "p50", floor: 1, show: milliseconds, gather: mean },
  { title: "Latency p99", unit: "ms, worst second", field: "p99", floor: 1, show: milliseconds, gather: (values) => Math.max(...values) },
  { title: "In flight", unit: "requests", field: "inFlight", floor: 1, show: rate, gather: mean },
  { title: "Wait in the queue", unit: "ms", field: "wait", floor: 1, show: milliseconds, gather: mean },
];
const SPANS = [60, 300, 600];
const STEPS = { 60: 1, 300: 5, 600: 10 }; // seconds that a point of the line stands for
let numbers = 0;

export class Charts {
  constructor() {
    this.id = `charts${++numbers}`;
    this.span = 300;
    this.cursor = null;
    this.hidden = new Set();
    this.colours = new Map();
    this.charts = CHARTS.map((each) => new Chart({ ...each, id: `${this.id}-${each.field}`, onmove: (time) => this.#move(time) }));
    this.when = el("th", { scope: "col", class: "when" });
    this.rows = el("tbody");
    this.codes = el("p", { class: "codes" });
    this.node = el("section", { class: "block", "aria-label": "Live charts" },
      el("div", { class: "block-head" }, el("h3", { text: "Live" }), this.#spans()),
      el("div", { class: "scroll" }, el("table", { class: "legend" },
        el("thead", {}, el("tr", {}, this.when, ...CHARTS.map((each) => el("th", { scope: "col", class: "number", text: each.title })))),
        this.rows)),
      el("div", { class: "charts" }, ...this.charts.map((chart) => chart.node)),
      this.codes);
  }

  #spans() {
    const name = `${this.id}-span`;
    return el("fieldset", { class: "choice" }, el("legend", { class: "unseen", text: "Time shown" }),
      ...SPANS.map((seconds) => el("label", {},
        el("input", { type: "radio", name, value: seconds, checked: seconds === this.span, onchange: () => { this.span = seconds; this.#draw(); } }),
        el("span", { text: `${seconds / 60} min` }))));
  }

  #move(time) {
    this.cursor = time;
    for (const chart of this.charts) chart.point(time);
    this.#legend();
  }

  // `lines` is [{ key, name, values: a line of Live }] in the order of the legend.
  update(live, lines) {
    this.live = live;
    this.lines = lines;
    this.#draw();
  }

  // The number of a line's colour, which stays for as long as the model is shown.
  colour(key) {
    if (!this.colours.has(key)) this.colours.set(key, this.colours.size);
    return this.colours.get(key);
  }

  #draw() {
    const { times } = this.live;
    const to = times.length ? times[times.length - 1] : 0;
    const from = to - this.span;
    if (this.cursor !== null && this.cursor < from) this.cursor = null;
    const shown = this.lines.filter((line) => !this.hidden.has(line.key));
    const steps = grouped(times, from, STEPS[this.span]);
    this.charts.forEach((chart, place) => {
      const points = (line) => gathered(line.values[chart.field] || [], steps.groups, CHARTS[place].gather);
      const drawn = shown.map((line) => ({ number: this.colour(line.key), values: points(line) }));
      chart.draw({ times: steps.times, from, to, cursor: this.cursor, lines: times.length ? drawn : [] });
    });
    this.#legend();
    const codes = this.live.codes(this.lines.map((line) => line.values), this.span);
    const told = codes.map(([code, number]) => `${count(number)} ${code}`).join(", ");
    setText(this.codes, `Errors in these ${this.span / 60} minutes: ${told || "none"}`);
    setAttribute(this.codes, "class", told ? "codes some" : "codes");
  }

  #legend() {
    const { times } = this.live;
    let at = times.length - 1;
    if (this.cursor !== null) while (at > 0 && times[at] > this.cursor + 0.5) at--;
    setText(this.when, at < 0 ? "…" : this.cursor === null ? "Now" : clock(times[at]));
    keyed(this.rows, this.lines, (line) => line.key, (line) => this.#row(line), (row, line) => {
      setText(row.name, line.name);
      setAttribute(row.button, "aria-pressed", String(!this.hidden.has(line.key)));
      CHARTS.forEach((chart, place) => setText(row.cells[place], line.values[chart.field] ? chart.show(line.values[chart.field][at]) : "–"));
    });
    CHARTS.forEach((chart, place) => this.charts[place].say(this.lines.map((line) =>
      `${line.name}: ${line.values[chart.field] ? chart.show(line.values[chart.field][at]) : "–"}`).join("; ")));
  }

  #row(line) {
    const number = this.colour(line.key);
    const name = el("span");
    const key = svg("svg", { class: "key", width: 22, height: 10, "aria-hidden": "true" },
      svg("path", { class: `line c${number % 8} d${Math.floor(number / 8) % 3}`, d: "M2 5H20" }));
    const button = el("button", { type: "button", class: "toggle", title: "Show or hide this line", onclick: () => {
      if (!this.hidden.delete(line.key)) this.hidden.add(line.key);
      this.#draw();
    } }, key, name);
    const cells = CHARTS.map(() => el("td", { class: "number" }));
    return { node: el("tr", {}, el("th", { scope: "row" }, button), ...cells), name, button, cells };
  }
}

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

// The places of the times that fall into each step of `seconds`. Steps begin at whole multiples, so that points do not shift.
function grouped(times, from, seconds) {
  const found = { times: [], groups: [] };
  let last = null;
  for (let at = Math.max(0, times.findIndex((time) => time >= from)); at < times.length; at++) {
    const step = Math.floor(times[at] / seconds);
    if (step !== last) found.groups.push([]);
    found.groups.at(-1).push(at);
    found.times[found.groups.length - 1] = times[at];
    last = step;
  }
  return found;
}

function gathered(values, groups, gather) {
  return groups.map((places) => {
    const some = places.map((at) => values[at]).filter((value) => value !== null && value !== undefined);
    return some.length ? gather(some) : null;
  });
}

// The lines of a model's charts: a version each, highest first, and what was refused before a version was found.
export function modelLines(live, model) {
  const versions = [...live.versions(model)].sort(([a], [b]) => byName(String(b ?? -1), String(a ?? -1)));
  return versions.map(([version, values]) => ({ key: `${model}/${version}`, name: version === null ? "no version" : `version ${version}`, values }));
}

export function serverLines(live) {
  const protocols = [...live.protocols].map(([name, values]) => ({ key: `protocol/${name}`, name: name === "GRPC" ? "gRPC" : name, values }));
  return [{ key: "all", name: "all requests", values: live.total }, ...protocols];
}
