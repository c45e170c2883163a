// The versions of a model: state, labels, requests, engine, digest, and in full what went wrong.
import { el, keyed, setAttribute, setText } from "./dom.js";
import { milliseconds, percent, rate } from "./format.js";
import { KINDS, versionKind } from "./health.js";

const COLUMNS = ["Version", "State", "Labels", "Requests (10 s)", "p99 (10 s)", "Errors (1 min)", "Engine", "Digest"];
const NUMBERS = COLUMNS.slice(3, 6);

export class Versions {
  constructor() {
    this.rows = el("tbody");
    this.none = el("p", { class: "empty" });
    this.node = el("section", { class: "block", "aria-label": "Versions" },
      el("div", { class: "block-head" }, el("h3", { text: "Versions" })),
      el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col", class: NUMBERS.includes(name) ? "number" : null, text: name })))),
        this.rows)),
      this.none);
  }

  update(name, model, live) {
    const items = model.versions.flatMap((version) => [{ version }, ...(version.error ? [{ version, error: true }] : [])]);
    keyed(this.rows, items, (item) => `${item.version.version} ${item.error || ""}`, (item) => (item.error ? errorRow() : versionRow()), (row, { version, error }) => {
      if (error) setText(row.text, version.error);
      else show(row, version, model.labels, live.versions(name).get(version.version), live);
    });
    setText(this.none, model.versions.length ? "" : "No version was found in the model's folder.");
  }
}

function versionRow() {
  const cells = COLUMNS.map((name) => el("td", { class: NUMBERS.includes(name) ? "number" : null }));
  const [mark, state, digest] = [el("span"), el("span"), el("code")];
  mark.setAttribute("aria-hidden", "true");
  cells[1].append(mark, " ", state);
  const copy = el("button", { type: "button", class: "small", text: "Copy", onclick: async () => {
    await navigator.clipboard.writeText(digest.title);
    setText(copy, "Copied");
    setTimeout(() => setText(copy, "Copy"), 1500);
  } });
  cells[7].append(digest, " ", copy);
  return { node: el("tr", {}, ...cells), cells, mark, state, digest, copy };
}

function errorRow() {
  const text = el("span");
  return { node: el("tr", { class: "trouble" }, el("td", { colspan: COLUMNS.length }, text)), text };
}

function show(row, version, labels, line, live) {
  const now = line ? live.summary([line], 10) : null;
  const kind = versionKind(version);
  setText(row.cells[0], String(version.version));
  setText(row.mark, KINDS[kind]);
  setAttribute(row.mark, "class", `mark ${kind}`);
  setText(row.state, version.state);
  const named = Object.entries(labels).filter(([, number]) => Number(number) === version.version).map(([label]) => label);
  keyed(row.cells[2], named.sort(), (label) => label, () => ({ node: el("span", { class: "chip" }) }), (chip, label) => setText(chip.node, label));
  setText(row.cells[3], now ? `${rate(now.requests)}/s` : "–");
  setText(row.cells[4], now ? milliseconds(now.p99) : "–");
  setText(row.cells[5], line ? percent(live.summary([line], 60).share) : "–");
  setText(row.cells[6], version.engine || "–");
  setAttribute(row.cells[6], "title", version.engine_reason || null);
  const digest = version.digest || "";
  setText(row.digest, digest ? `${digest.replace(/^sha256:/, "").slice(0, 12)}…` : "–");
  row.digest.title = digest;
  row.copy.hidden = !digest;
}
