// How a model's requests are split: a slider for each variant. Nothing changes before the reader has agreed to it.
import { get, modelTraffic, parsed, send } from "./api.js";
import { confirmed, el, keyed, setAttribute, setText } from "./dom.js";
import { dateTime, weight } from "./format.js";
import { firstRules, moved, shares } from "./split.js";

const NONE = Object.freeze(Object.create(null));

// The rules of all models, as the server has them.
export class Rules {
  constructor() {
    this.document = null;
    this.etag = "";
    this.trouble = "";
  }

  async load() {
    try {
      const found = await send("GET", "/admin/v1/traffic");
      this.document = parsed(found.text);
      this.etag = found.headers.get("etag") || "";
      this.trouble = "";
    } catch (error) {
      if (error.status !== 0) this.trouble = error.message;
      throw error;
    }
  }

  of(model) {
    return this.document && this.document.models ? this.document.models[model] : undefined;
  }
}

export class Traffic {
  constructor(name, rules, refresh) {
    this.name = name;
    this.rules = rules;
    this.refresh = refresh;
    this.draft = null; // { etag, document, rules, shares }
    this.rows = el("div", { class: "variants" });
    this.about = el("p", { class: "hint" });
    this.bar = el("div", { class: "splitbar", role: "img" });
    this.change = el("p", { class: "change" });
    this.said = el("p", { class: "outcome", role: "status" });
    this.apply = el("button", { type: "button", class: "primary", text: "Apply…", onclick: () => this.#apply() });
    this.discard = el("button", { type: "button", text: "Discard", onclick: () => this.#drop() });
    this.pending = el("div", { class: "pending" }, this.change, el("div", { class: "actions" }, this.discard, this.apply));
    this.begin = el("button", { type: "button", text: "Split the traffic…", onclick: () => this.#begin() });
    this.resume = el("button", { type: "button", text: "Resume", onclick: () => this.#resume() });
    this.node = el("section", { class: "block", "aria-label": "Traffic" },
      el("div", { class: "block-head" }, el("h3", { text: "Traffic" }), el("div", { class: "actions" }, this.begin, this.resume)),
      this.about, this.bar, this.rows, this.pending, this.said);
  }

  // `report` is the server's report of the model's rules, null without one; `colour` the number of a version's colour.
  update(model, report, colour) {
    this.colour = (variant) => colour(variant.label ? model.labels[variant.label] : variant.version) % 8;
    this.versions = model.versions.filter((version) => version.state === "AVAILABLE").map((version) => version.version);
    this.report = report;
    this.#draw();
  }

  #draw() {
    const rules = this.draft ? this.draft.rules : this.rules.of(this.name);
    const halted = (this.report && this.report.rolled_back) || NONE;
    this.begin.hidden = Boolean(rules) || this.versions.length < 2 || !this.rules.document;
    this.resume.hidden = !Object.keys(halted).length;
    this.pending.hidden = !this.draft;
    this.bar.hidden = !rules;
    setText(this.about, this.#aboutText(rules));
    const variants = rules ? rules.variants : [];
    const now = shares(variants.map((variant) => variant.weight));
    const drawn = this.draft ? this.draft.shares : now;
    const inForce = this.draft ? drawn : variants.map((variant, at) => this.#shareInForce(variant, now[at]));
    keyed(this.rows, variants.map((variant, at) => ({ variant, at })), ({ variant }) => variant.name, () => this.#row(), (row, { variant, at }) => {
      row.at = at;
      this.#show(row, variant, drawn[at], halted[variant.name], rules.rollback ? rules.rollback.baseline : variants[0].name);
    });
    keyed(this.bar, variants.map((variant, at) => ({ variant, at })), ({ variant }) => variant.name, () => ({ node: el("span") }), (part, { variant, at }) => {
      part.node.style.flexGrow = String(inForce[at]);
      setAttribute(part.node, "class", `part c${this.colour(variant)}`);
      setText(part.node, inForce[at] >= 12 ? variant.name : "");
    });
    setAttribute(this.bar, "aria-label", variants.map((variant, at) => `${variant.name} ${weight(inForce[at] / 100)}`).join(", "));
    if (this.draft) this.#pendingText(now);
  }

  // What a variant gets now, in percent: nothing once it is rolled back, whatever the rules say.
  #shareInForce(variant, share) {
    const part = this.report && this.report.variants ? this.report.variants[variant.name] : null;
    return part && this.report.rolled_back && Object.keys(this.report.rolled_back).length ? 100 * part.share : share;
  }

  #aboutText(rules) {
    if (this.rules.trouble) return `The rules cannot be read: ${this.rules.trouble}`;
    if (!this.rules.document) return "Reading the rules…";
    if (!rules) return "There are no rules: requests that name no version go to the highest one that is AVAILABLE.";
    const told = ["Requests that name neither version nor label are split like this."];
    if (rules.sticky) told.push(`A user stays at one variant, by ${Object.entries(rules.sticky).map(([kind, name]) => `the ${kind} ${name}`).join("")}.`);
    if (rules.shadow) told.push(`${rules.shadow.variant} gets copies of ${rules.shadow.percent ?? 100} % of the requests.`);
    if (rules.rollback) told.push(`${rules.rollback.variant} is rolled back by itself when it does worse than ${rules.rollback.baseline}.`);
    return told.join(" ");
  }

  #row() {
    const [name, target, state] = [el("strong"), el("span", { class: "target" }), el("p", { class: "halted" })];
    const slider = el("input", { type: "range", min: "0", max: "100", step: "1" });
    const exact = el("input", { type: "number", min: "0", max: "100", step: "any", inputmode: "decimal" });
    const back = el("button", { type: "button", class: "danger", text: "Roll back…" });
    const row = { name, target, state, slider, exact, back, at: 0 };
    slider.addEventListener("input", () => this.#move(row.at, slider.valueAsNumber));
    exact.addEventListener("change", () => { if (Number.isFinite(exact.valueAsNumber)) this.#move(row.at, exact.valueAsNumber); });
    back.addEventListener("click", () => this.#rollBack(name.textContent));
    row.node = el("div", { class: "variant" }, el("span", { class: "swatch" }), el("span", { class: "variant-name" }, name, target), slider,
      el("span", { class: "exact" }, exact, el("span", { "aria-hidden": "true", text: "%" })), back, state);
    return row;
  }

  #show(row, variant, share, halt, baseline) {
    setText(row.name, variant.name);
    const part = this.report && this.report.variants ? this.report.variants[variant.name] : null;
    const named = variant.label ? `label ${variant.label}` : `version ${variant.version}`;
    setText(row.target, part && part.available === false ? `${named}, not AVAILABLE` : named);
    setAttribute(row.node.firstChild, "class", `swatch c${this.colour(variant)}`);
    setAttribute(row.slider, "aria-label", `Share of ${variant.name} in percent`);
    setAttribute(row.exact, "aria-label", `Share of ${variant.name} in percent, exact`);
    setAttribute(row.slider, "aria-valuetext", weight(share / 100));
    if (document.activeElement !== row.slider || row.slider.valueAsNumber !== Math.round(share)) row.slider.value = share;
    if (document.activeElement !== row.exact) row.exact.value = String(Math.round(share * 100) / 100);
    row.back.hidden = Boolean(halt) || this.draft !== null || share === 0 || variant.name === baseline;
    row.back.setAttribute("aria-label", `Roll back ${variant.name}`);
    setText(row.state, halt ? `■ Rolled back at ${dateTime(halt.time)}: ${halt.reason}. It gets no requests until the rules change or it is resumed.` : "");
  }

  #pendingText(now) {
    const changes = this.#changes(now);
    const stale = this.draft.etag !== this.rules.etag;
    setText(this.change, `${stale ? "▲ The rules were changed meanwhile: discard this to see them. " : ""}Not applied yet: ${changes.join("; ") || "no change"}`);
    setAttribute(this.change, "class", stale ? "change stale" : "change");
    this.apply.disabled = !changes.length;
  }

  #changes(now) {
    const fresh = !this.rules.of(this.name);
    return this.draft.rules.variants.map((variant, at) => {
      const after = weight(this.draft.shares[at] / 100);
      if (fresh) return `${variant.name} ${after}`;
      return Math.abs(now[at] - this.draft.shares[at]) < 0.005 ? "" : `${variant.name} ${weight(now[at] / 100)} → ${after}`;
    }).filter(Boolean);
  }

  #edit(rules) {
    this.draft = { etag: this.rules.etag, document: structuredClone(this.rules.document), rules, shares: shares(rules.variants.map((each) => each.weight)) };
  }

  #begin() {
    this.#edit(firstRules(this.versions));
    setText(this.said, "");
    this.#draw();
    this.rows.querySelector("input").focus();
  }

  #move(at, value) {
    if (!this.draft) this.#edit(structuredClone(this.rules.of(this.name)));
    this.draft.shares = moved(this.draft.shares, at, value);
    this.#draw();
  }

  #drop() {
    this.draft = null;
    setText(this.said, "");
    this.#draw();
    this.refresh();
  }

  async #apply() {
    const { draft } = this;
    const now = shares(draft.rules.variants.map((variant) => variant.weight));
    if (!(await confirmed(`Change the traffic of ${this.name}?`, this.#changes(now), "Apply"))) return;
    const rules = { ...draft.rules, variants: draft.rules.variants.map((variant, at) => ({ ...variant, weight: draft.shares[at] })) };
    const document = { ...draft.document, models: { ...draft.document.models, [this.name]: rules } };
    await this.#tell("Applied", async () => {
      await send("PUT", "/admin/v1/traffic", { body: JSON.stringify(document), headers: draft.etag ? { "if-match": draft.etag } : {} });
      this.draft = null;
    });
  }

  async #rollBack(variant) {
    const lines = [`${variant} gets no more requests from now on; the other variants take its share.`, "It stays so until the rules change or it is resumed."];
    if (!(await confirmed(`Roll back ${variant} of ${this.name}?`, lines, "Roll back"))) return;
    await this.#tell("Rolled back", () => send("POST", modelTraffic(this.name, ":rollback"), { body: JSON.stringify({ variant }) }));
  }

  async #resume() {
    const names = Object.keys(this.report.rolled_back).join(", ");
    if (!(await confirmed(`Resume ${names} of ${this.name}?`, [`${names} gets the share of the rules again.`], "Resume"))) return;
    await this.#tell("Resumed", () => send("POST", modelTraffic(this.name, ":resume"), { body: "{}" }));
  }

  async #tell(done, act) {
    setText(this.said, "Asking the server…");
    this.said.className = "outcome";
    try {
      await act();
      await this.rules.load();
      setText(this.said, `${done} at ${dateTime(Date.now() / 1000)}.`);
      this.said.className = "outcome good";
    } catch (error) {
      if (error.status === undefined) throw error;
      setText(this.said, `${error.status === 412 || error.status === 409 ? "Not applied, somebody else was faster" : "Refused"}: ${error.message}`);
      this.said.className = "outcome bad";
    }
    this.refresh();
    this.#draw();
  }
}

// The report of a model's rules; null when it has none.
export async function report(model) {
  try {
    return await get(modelTraffic(model, "/report"));
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}
