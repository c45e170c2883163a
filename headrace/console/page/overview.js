// The numbers of the whole server, and the list of its models.
import { spark } from "./chart.js";
import { el, keyed, setAttribute, setText } from "./dom.js";
import { byName, duration, milliseconds, percent, rate } from "./format.js";
import { KINDS, modelHealth } from "./health.js";

const RECENT = 10;
const MINUTE = 60;

class Tile {
  constructor(label) {
    this.value = el("span", { class: "big", text: "–" });
    this.note = el("span", { class: "note", text: "\u00a0" });
    this.node = el("div", { class: "tile" }, el("span", { class: "label", text: label }), this.value, this.note);
  }

  set(value, note, kind = "") {
    setText(this.value, value);
    setText(this.note, note || "\u00a0");
    setAttribute(this.node, "class", kind ? `tile ${kind}` : "tile");
  }
}

export class Tiles {
  constructor() {
    this.models = new Tile("Models serving");
    this.requests = new Tile("Requests");
    this.errors = new Tile("Errors");
    this.latency = new Tile("Latency p99");
    this.inFlight = new Tile("In flight");
    this.processes = new Tile("Processes");
    this.processes.node.hidden = true;
    this.node = el("section", { class: "tiles", "aria-label": "The server now" },
      this.models.node, this.requests.node, this.errors.node, this.latency.node, this.inFlight.node, this.processes.node);
  }

  update(status, live) {
    const all = Object.values(status.models);
    const health = all.map((model) => modelHealth(model).kind);
    const serving = health.filter((kind) => kind === "good" || kind === "warn").length;
    const troubled = health.filter((kind) => kind === "bad" || kind === "warn").length;
    const trouble = troubled === 1 ? "1 has a failed version" : troubled ? `${troubled} have failed versions` : "";
    const worst = health.includes("bad") ? "bad" : troubled ? "warn" : "";
    this.models.set(`${serving} of ${all.length}`, health.includes("bad") ? `${all.length - serving} not serving` : trouble, worst);
    const now = live.summary([live.total], RECENT);
    const minute = live.summary([live.total], MINUTE);
    this.requests.set(`${rate(now.requests)}/s`, `${rate(minute.requests)}/s over a minute`);
    const codes = live.codes([live.total], MINUTE);
    const wrong = minute.share ?? 0;
    this.errors.set(percent(minute.share ?? 0), codes.length ? codes[0][0] : "of the last minute", wrong >= 0.05 ? "bad" : wrong >= 0.01 ? "warn" : "");
    this.latency.set(milliseconds(now.p99), now.p99 === null ? "no requests in 10 s" : `worst of 10 s, p50 ${milliseconds(now.p50)}`);
    const flying = [...live.protocols.values()].reduce((sum, each) => sum + (each.inFlight.at(-1) || 0), 0);
    const waits = [...live.protocols.values()].map((each) => each.wait.at(-1)).filter((wait) => wait !== null && wait !== undefined);
    this.inFlight.set(rate(flying), waits.length ? `wait for a thread ${milliseconds(Math.max(...waits))}` : "being answered now");
    this.#tellProcesses(status.server.processes || []);
  }

  // Where the server has several: how many serve, and which does not.
  #tellProcesses(processes) {
    const others = processes.filter((each) => each.state !== "serving");
    const note = others.map((each) => `process ${each.index} is ${each.state}`).join(", ");
    this.processes.node.hidden = !processes.length;
    this.processes.set(`${processes.length - others.length} of ${processes.length}`, note || "all serve", others.length ? "warn" : "");
  }
}

export class ModelList {
  constructor() {
    this.filter = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter models by name", autocomplete: "off", oninput: () => this.#draw() });
    this.items = el("ul", {});
    this.none = el("p", { class: "empty" });
    this.node = el("nav", { class: "models", "aria-label": "Models" },
      el("div", { class: "block-head" }, el("h2", { text: "Models" }), this.filter), this.items, this.none);
    this.shown = null;
  }

  update(status, live, selected) {
    this.shown = { status, live, selected };
    this.#draw();
  }

  #draw() {
    if (!this.shown) return;
    const { status, live, selected } = this.shown;
    const wanted = this.filter.value.toLowerCase();
    const names = Object.keys(status.models).sort(byName);
    const others = [...live.lines.keys()].filter((name) => !status.models[name] && name.startsWith("("));
    const found = [...names, ...others].filter((name) => name.toLowerCase().includes(wanted));
    const items = [...(wanted ? [] : [{ name: null }]), ...found.map((name) => ({ name }))];
    keyed(this.items, items, (item) => (item.name === null ? "all" : `model ${item.name}`), () => this.#item(), (row, { name }) => {
      const lines = name === null ? [live.total] : [...live.versions(name).values()];
      const health = name === null ? { kind: "all", text: "all requests" }
        : status.models[name] ? modelHealth(status.models[name]) : { kind: "idle", text: "requests that reached no model" };
      setText(row.mark, KINDS[health.kind] || "Σ");
      setAttribute(row.mark, "class", `mark ${health.kind}`);
      setText(row.name, name === null ? "All models" : name);
      setText(row.state, health.text);
      const now = live.summary(lines, RECENT);
      setText(row.rate, `${rate(now.requests)}/s`);
      setText(row.p99, milliseconds(now.p99));
      const wrong = live.summary(lines, MINUTE).share;
      setText(row.errors, wrong ? `${percent(wrong)} errors` : "");
      row.spark.draw(summed(lines, 120), 120);
      setAttribute(row.link, "href", name === null ? "#/models" : `#/models/${encodeURIComponent(name)}`);
      setAttribute(row.link, "aria-current", name === selected ? "true" : null);
    });
    setText(this.none, names.length === 0 ? "This server has no models. Give it some on the page Configuration." : items.length ? "" : "No model has such a name.");
  }

  #item() {
    const [mark, name, state, errors] = [el("span"), el("span", { class: "name" }), el("span", { class: "state" }), el("span", { class: "wrong" })];
    const [now, p99, drawn] = [el("span", { class: "rate" }), el("span", { class: "p99" }), spark(80, 22)];
    mark.setAttribute("aria-hidden", "true");
    const link = el("a", { class: "model" }, mark, name, drawn.node, now, el("span", { class: "line2" }, state, errors), p99);
    return { node: el("li", {}, link), link, mark, name, state, errors, rate: now, p99, spark: drawn };
  }
}

// The requests of several lines together, for the last `length` ticks.
function summed(lines, length) {
  if (!lines.length) return [];
  const parts = lines.map((line) => line.requests.slice(-length));
  return parts[0].map((_, at) => parts.reduce((sum, part) => sum + part[at], 0));
}

// What the head of the page says of the server.
export function serverLine(status) {
  const { version, uptime_seconds: up, ready } = status.server;
  return { ready, text: `${version} · up ${duration(up)}` };
}
