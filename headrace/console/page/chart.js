// One chart: lines over time, axes with units, a cursor. Colours and dashes come from the style sheet by a line's number.
import { el, setText, svg } from "./dom.js";
import { clock } from "./format.js";

const HEIGHT = 150;
const EDGE = { left: 44, right: 10, top: 8, bottom: 20 };
const COLOURS = 8;

// The next of 1, 2, 5, 10, ... times a power of ten.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least * 0.999);
}

function scale(highest) {
  const step = niceStep(Math.max(highest, 1e-6) / 3);
  const top = Math.max(step, Math.ceil(highest / step - 1e-9) * step);
  return { top, ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step) };
}

function timeStep(seconds) {
  return seconds <= 90 ? 15 : seconds <= 400 ? 60 : 120;
}

function tickText(value) {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  return value >= 1e4 ? `${+(value / 1e3).toPrecision(3)}k` : String(+value.toPrecision(3));
}

export class Chart {
  // `field` of a live line is drawn; `floor` is the least height of the axis; `onmove` is told the time under the cursor.
  constructor({ title, unit, field, floor, onmove, id }) {
    this.field = field;
    this.floor = floor;
    this.title = title;
    this.unit = unit;
    this.width = 0;
    this.drawn = null;
    this.grid = svg("g", { class: "grid" });
    this.lines = svg("g", { class: "lines" });
    this.cursor = svg("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
    this.empty = svg("text", { class: "none", "text-anchor": "middle", y: HEIGHT / 2 - 4 });
    this.picture = svg("svg", { class: "chart", height: HEIGHT, role: "img", tabindex: "0", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-now` },
      this.grid, this.lines, this.cursor, this.empty);
    this.now = el("span", { class: "unseen", id: `${id}-now` });
    this.node = el("figure", { class: "panel", "data-chart": field },
      el("figcaption", { id: `${id}-title` }, el("strong", { text: title }), el("span", { class: "unit", text: ` ${unit}` })),
      this.picture, this.now);
    this.#listen(onmove);
    new ResizeObserver(() => this.#resize()).observe(this.node);
  }

  #listen(onmove) {
    this.picture.addEventListener("pointermove", (event) => onmove(this.#timeAt(event.clientX - this.picture.getBoundingClientRect().left)));
    this.picture.addEventListener("pointerleave", () => onmove(null));
    this.picture.addEventListener("blur", () => onmove(null));
    this.picture.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15 }[event.key];
      if (!this.drawn || (step === undefined && event.key !== "Escape")) return;
      event.preventDefault();
      onmove(step === undefined ? null : Math.min((this.drawn.cursor ?? this.drawn.to) + step, this.drawn.to));
    });
  }

  #resize() {
    const width = Math.round(this.node.clientWidth - 24);
    if (width <= 0 || width === this.width) return;
    this.width = width;
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    if (this.drawn) this.draw(this.drawn);
  }

  #timeAt(x) {
    if (!this.drawn) return null;
    const share = (x - EDGE.left) / (this.width - EDGE.left - EDGE.right);
    return this.drawn.from + Math.min(1, Math.max(0, share)) * (this.drawn.to - this.drawn.from);
  }

  // `shown` is { times, from, to, cursor, lines: [{ number, name, values }] }, the times in Unix seconds.
  draw(shown) {
    this.drawn = shown;
    if (!this.width) return;
    const first = Math.max(0, shown.times.findIndex((time) => time >= shown.from));
    let highest = 0;
    let some = false;
    for (const line of shown.lines) {
      for (let at = first; at < shown.times.length; at++) {
        const value = line.values[at];
        if (value === null || value === undefined) continue;
        some = true;
        if (value > highest) highest = value;
      }
    }
    const { top, ticks } = scale(Math.max(highest, this.floor));
    const x = (time) => EDGE.left + ((time - shown.from) / (shown.to - shown.from)) * (this.width - EDGE.left - EDGE.right);
    const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.#axes(ticks, shown, x, y);
    this.lines.replaceChildren(...shown.lines.map((line) => svg("path", {
      class: `line c${line.number % COLOURS} d${Math.floor(line.number / COLOURS) % 3}`,
      d: path(shown.times, line.values, first, x, y),
    })));
    this.empty.setAttribute("x", this.width / 2);
    setText(this.empty, some ? "" : "nothing to show in this time");
    this.point(shown.cursor);
  }

  // Moves the cursor to a time, or hides it.
  point(time) {
    if (!this.drawn || !this.width) return;
    this.drawn.cursor = time;
    const seen = time !== null && time >= this.drawn.from;
    this.cursor.setAttribute("visibility", seen ? "visible" : "hidden");
    if (!seen) return;
    const x = EDGE.left + ((time - this.drawn.from) / (this.drawn.to - this.drawn.from)) * (this.width - EDGE.left - EDGE.right);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
  }

  // What a screen reader says of the chart.
  say(text) {
    setText(this.now, text);
  }

  #axes(ticks, shown, x, y) {
    const marks = ticks.flatMap((value) => [
      svg("line", { x1: EDGE.left, x2: this.width - EDGE.right, y1: y(value), y2: y(value) }),
      svg("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, tickText(value)),
    ]);
    const step = timeStep(shown.to - shown.from);
    for (let time = Math.ceil(shown.from / step) * step; time <= shown.to; time += step) {
      const at = x(time);
      if (at < EDGE.left + 16 || at > this.width - EDGE.right - 14) continue;
      marks.push(svg("text", { x: at, y: HEIGHT - 5, "text-anchor": "middle" }, clock(time, step < 60)));
    }
    this.grid.replaceChildren(...marks);
  }
}

// The path of one line: broken where there is no value; a value alone is a dot, by the line's round ends.
function path(times, values, first, x, y) {
  let found = "";
  let drawing = false;
  for (let at = first; at < times.length; at++) {
    const value = values[at];
    if (value === null || value === undefined) {
      drawing = false;
      continue;
    }
    const point = `${x(times[at]).toFixed(1)} ${y(value).toFixed(1)}`;
    found += drawing ? `L${point}` : `M${point}h0`;
    drawing = true;
  }
  return found;
}

// A small line without axes: the requests of the last minutes.
export function spark(width, height) {
  const drawn = svg("path", { class: "line c0" });
  const node = svg("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, drawn);
  return {
    node,
    draw(values, length) {
      const shown = values.slice(-length);
      const top = Math.max(...shown, 1e-9);
      const x = (at) => width - ((shown.length - 1 - at) / Math.max(1, length - 1)) * (width - 2) - 1;
      drawn.setAttribute("d", shown.map((value, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`).join(""));
    },
  };
}
