// Who changed what, and who was refused: the newest first.
import { get } from "./api.js";
import { el, keyed, setAttribute, setText } from "./dom.js";
import { dateTime } from "./format.js";

const LIMIT = 200;

export class Audit {
  constructor() {
    this.events = null;
    this.filter = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter events", autocomplete: "off", oninput: () => this.#draw() });
    this.rows = el("tbody");
    this.none = el("p", { class: "empty", text: "Reading the events…" });
    const columns = ["Time", "Who", "Action", "Target", "Outcome", "Details"];
    this.node = el("section", { class: "block", "aria-label": "Audit" },
      el("div", { class: "block-head" }, el("h2", { text: "Audit" }), this.filter),
      el("div", { class: "scroll" }, el("table", { class: "audit" },
        el("thead", {}, el("tr", {}, ...columns.map((text) => el("th", { scope: "col", text })))), this.rows)),
      this.none);
  }

  async load() {
    try {
      this.events = (await get(`/admin/v1/audit?limit=${LIMIT}`)).events;
    } catch (error) {
      if (error.status) setText(this.none, `The events cannot be read: ${error.message}`);
      throw error;
    }
    this.#draw();
  }

  #draw() {
    if (!this.events) return;
    const wanted = this.filter.value.toLowerCase();
    const items = this.events.map(eventTexts).filter(({ texts }) => texts.join(" ").toLowerCase().includes(wanted));
    const seen = new Map(); // events that are alike need keys of their own
    const key = ({ texts }) => {
      const text = JSON.stringify(texts);
      seen.set(text, (seen.get(text) || 0) + 1);
      return `${text} ${seen.get(text)}`;
    };
    keyed(this.rows, items, key, () => eventRow(), (row, { texts, good }) => {
      texts.forEach((text, at) => setText(row.cells[at], text));
      setAttribute(row.cells[4].parentNode, "class", good ? null : "refused");
    });
    setText(this.none, items.length ? "" : this.events.length ? "No event has such a text." : "Nothing was changed or refused since the server started.");
  }
}

function eventTexts({ time, who, action, target, outcome, details }) {
  const at = typeof time === "number" ? dateTime(time) : String(time);
  const more = Object.entries(details || {}).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("; ");
  return { texts: [at, who, action, target, outcome, more], good: outcome === "OK" };
}

function eventRow() {
  const cells = Array.from({ length: 6 }, () => el("td"));
  return { node: el("tr", {}, ...cells), cells };
}
