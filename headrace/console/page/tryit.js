// The form that asks a model, made from its signatures.
import { get, modelPath, send } from "./api.js";
import { el, setText } from "./dom.js";
import { elements, example, hasRows, LARGE, shapeText, unsuited } from "./example.js";
import { count } from "./format.js";
import { indented } from "./jsontext.js";

const SHOWN = 100000;
const SECONDS = 60;

export class TryIt {
  constructor(name) {
    this.name = name;
    this.drafts = new Map();
    this.signatures = {};
    this.loaded = "";
    this.version = el("select", { id: "try-version", onchange: () => this.#load() });
    this.signature = el("select", { id: "try-signature", onchange: () => this.#fill() });
    this.form = el("select", { id: "try-form", onchange: () => this.#fill() },
      el("option", { value: "rows", text: "Rows (instances)" }), el("option", { value: "columns", text: "Columns (inputs)" }));
    this.tensors = el("tbody");
    this.body = el("textarea", { id: "try-body", rows: "12", spellcheck: "false", autocomplete: "off", oninput: () => this.drafts.set(this.#key(), this.body.value) });
    this.note = el("p", { class: "hint", id: "try-note" });
    this.run = el("button", { type: "submit", id: "try-run", class: "primary", text: "Run" });
    this.stop = el("button", { type: "button", text: "Cancel", hidden: true, onclick: () => this.abort.abort() });
    this.reset = el("button", { type: "button", text: "Reset example", onclick: () => { this.drafts.delete(this.#key()); this.#fill(true); } });
    this.outcome = el("p", { class: "outcome", role: "status" });
    this.answer = el("pre", { tabindex: "0", "aria-label": "Answer", class: "answer" });
    this.node = this.#page();
  }

  #page() {
    this.body.setAttribute("aria-describedby", "try-note");
    const field = (label, control) => el("div", { class: "field" }, el("label", { for: control.id, text: label }), control);
    const form = el("form", { onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      el("div", { class: "fields" }, field("Version", this.version), field("Signature", this.signature), field("Form", this.form)),
      el("div", { class: "scroll" }, el("table", { class: "tensors" },
        el("thead", {}, el("tr", {}, ...["Tensor", "", "dtype", "Shape"].map((name) => el("th", { scope: "col", text: name })))), this.tensors)),
      el("div", { class: "pair" },
        el("div", { class: "field" }, el("label", { for: "try-body", text: "Request (JSON)" }), this.body, this.note),
        el("div", { class: "field" }, el("span", { class: "label", text: "Answer" }), this.answer)),
      el("div", { class: "actions left" }, this.run, this.stop, this.reset, this.outcome));
    return el("section", { class: "block", "aria-label": "Try it" }, el("div", { class: "block-head" }, el("h3", { text: "Try it" })), form);
  }

  update(model) {
    const available = model.versions.filter((version) => version.state === "AVAILABLE");
    const choices = available.length ? [{ value: "", text: "as a client without a version" },
      ...available.map(({ version }) => ({ value: `/versions/${version}`, text: `version ${version}` })),
      ...Object.entries(model.labels).filter(([, version]) => available.some((each) => each.version === Number(version)))
        .map(([label, version]) => ({ value: `/labels/${encodeURIComponent(label)}`, text: `label ${label} (version ${version})` }))] : [];
    this.labels = model.labels;
    this.highest = available.length ? Math.max(...available.map((each) => each.version)) : null;
    const key = JSON.stringify([choices, available.map((each) => each.digest)]);
    if (key === this.choices) return;
    this.choices = key;
    const before = this.version.value;
    this.version.replaceChildren(...choices.map((choice) => el("option", choice)));
    if (choices.some((choice) => choice.value === before)) this.version.value = before;
    this.loaded = "";
    this.#load();
  }

  // The version whose signatures the form is for.
  #number() {
    const [, kind, value] = this.version.value.split("/");
    return kind === "versions" ? Number(value) : kind === "labels" ? Number(this.labels[decodeURIComponent(value)]) : this.highest;
  }

  async #load() {
    const number = this.#number();
    const ready = number !== null && number !== undefined;
    for (const control of [this.version, this.signature, this.form, this.body, this.run, this.reset]) control.disabled = !ready;
    if (!ready) {
      setText(this.note, "No version is AVAILABLE, so there is nothing to ask.");
      return;
    }
    if (this.loaded !== String(number)) {
      try {
        this.signatures = (await get(modelPath(this.name, `/versions/${number}`))).signatures;
      } catch (error) {
        if (error.status === undefined) throw error;
        this.choices = ""; // to be tried again with the next state
        setText(this.note, `Cannot read the signatures: ${error.message}`);
        return;
      }
      this.loaded = String(number);
      const before = this.signature.value;
      this.signature.replaceChildren(...Object.keys(this.signatures).map((text) => el("option", { value: text, text })));
      const wanted = this.signatures[before] ? before : this.signatures.serving_default ? "serving_default" : null;
      if (wanted) this.signature.value = wanted;
    }
    this.#fill();
  }

  #key() {
    return `${this.signature.value} ${this.form.value}`;
  }

  // Shows the tensors of a signature and its example, or what was typed for it before.
  #fill(large = false) {
    const signature = this.signatures[this.signature.value];
    if (!signature) return;
    const rows = hasRows(signature);
    this.form.options[0].disabled = !rows;
    if (!rows) this.form.value = "columns";
    const row = (kind) => ([name, spec]) => el("tr", {}, el("th", { scope: "row" }, el("code", { text: name })), el("td", { text: kind }),
      el("td", {}, el("code", { text: spec.dtype })), el("td", {}, el("code", { text: shapeText(spec.shape) })));
    this.tensors.replaceChildren(...Object.entries(signature.inputs).map(row("input")), ...Object.entries(signature.outputs).map(row("output")));
    const wrong = unsuited(signature.inputs);
    const size = elements(signature.inputs);
    const draft = this.drafts.get(this.#key());
    if (draft !== undefined) this.body.value = draft;
    else if (wrong.length) this.body.value = "";
    else if (size > LARGE && !large) this.body.value = "";
    else this.body.value = example(this.signature.value, signature.inputs, this.form.value === "rows");
    setText(this.note, wrong.length ? `JSON has no form for the dtype of ${wrong.join(", ")}.`
      : size > LARGE ? `An example has ${count(size)} values; "Reset example" fills it in.`
      : Object.values(signature.inputs).some((spec) => spec.dtype === "string") ? 'Bytes that are no text are given as {"b64": "…"}.' : "");
  }

  async #send() {
    const path = `/v1/models/${encodeURIComponent(this.name)}${this.version.value}:predict`;
    this.abort = new AbortController();
    this.run.disabled = true;
    this.stop.hidden = false;
    setText(this.outcome, "Running…");
    const started = performance.now();
    let told, text, kind;
    try {
      const found = await send("POST", path, { body: this.body.value, seconds: SECONDS, signal: this.abort.signal });
      const version = found.headers.get("x-headrace-model-version");
      const variant = found.headers.get("x-headrace-variant");
      told = [`${found.status} OK`, version && `version ${version}`, variant && `variant ${variant}`].filter(Boolean).join(" · ");
      text = indented(found.text);
      kind = "outcome good";
    } catch (error) {
      if (error.status === undefined) throw error;
      told = error.status ? `Error ${error.status}` : "Not answered";
      text = error.message;
      kind = "outcome bad";
    } finally {
      this.run.disabled = false;
      this.stop.hidden = true;
    }
    const cut = text.length > SHOWN ? ` · the first ${count(SHOWN)} of ${count(text.length)} characters` : "";
    setText(this.outcome, `${told} · ${(performance.now() - started).toFixed(1)} ms${cut}`);
    this.outcome.className = kind;
    setText(this.answer, text.slice(0, SHOWN));
  }
}
