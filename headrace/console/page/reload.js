// Replaces the list of models by a text of a ModelServerConfig.
import { parsed, send } from "./api.js";
import { confirmed, el, setText } from "./dom.js";

const SECONDS = 330; // a reload waits up to 300 s for its models
const SAMPLE = `model_config_list {
  config {
    name: "places"
    base_path: "/models/places"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 2 } }
    version_labels { key: "stable" value: 3 }
  }
}`;

export class Reload {
  constructor(names, refresh) {
    this.names = names;
    this.refresh = refresh;
    this.body = el("textarea", { id: "reload-body", rows: "16", spellcheck: "false", autocomplete: "off", placeholder: SAMPLE, required: true, "aria-describedby": "reload-hint" });
    this.button = el("button", { type: "submit", id: "reload-run", class: "primary", text: "Load…" });
    this.said = el("p", { class: "outcome", role: "status" });
    this.outcomes = el("ul", { class: "findings" });
    const form = el("form", { onsubmit: (event) => { event.preventDefault(); this.#load(); } },
      el("div", { class: "field" }, el("label", { for: "reload-body", text: "Model list (text of a ModelServerConfig)" }), this.body,
        el("p", { class: "hint", id: "reload-hint", text: "It replaces the whole list: models that it does not name are unloaded after their last request. It is checked as a whole before anything changes, and stays until the server restarts or its configuration file changes." })),
      el("div", { class: "actions left" }, this.button));
    this.node = el("section", { class: "block", "aria-label": "Configuration" },
      el("div", { class: "block-head" }, el("h2", { text: "Configuration" })), form, this.said, this.outcomes);
  }

  async #load() {
    const gone = this.names().filter((name) => !this.body.value.includes(JSON.stringify(name)) && !this.body.value.includes(`'${name}'`));
    const lines = gone.length ? [`These models seem not to be in the new list, and would be unloaded: ${gone.join(", ")}`] : ["All models that are served now are in the new list."];
    if (!(await confirmed("Replace the list of models?", lines, "Replace"))) return;
    this.button.disabled = true;
    this.outcomes.replaceChildren();
    this.said.className = "outcome";
    setText(this.said, "Loading: this takes as long as the new models need…");
    try {
      const answer = parsed((await send("POST", "/admin/v1/models:reload", { body: this.body.value, type: "text/plain", seconds: SECONDS })).text);
      setText(this.said, answer.complete ? "The new list is in force." : "The new list is in force, but not all of its models serve.");
      this.said.className = answer.complete ? "outcome good" : "outcome bad";
      this.outcomes.replaceChildren(...Object.entries(answer.models).map(([name, { change, error }]) =>
        el("li", {}, el("span", { class: error ? "chip strong" : "chip", text: String(change).toLowerCase() }), el("span", { text: error ? `${name}: ${error}` : name }))));
    } catch (error) {
      if (error.status === undefined) throw error;
      setText(this.said, `Refused: ${error.message}`);
      this.said.className = "outcome bad";
    } finally {
      this.button.disabled = false;
    }
    this.refresh();
  }
}
