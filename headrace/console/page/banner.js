// Says that the server does not answer, or asks for a token.
import { hasToken, setToken } from "./api.js";
import { connection, onChange, tryNow } from "./connection.js";
import { el, setText } from "./dom.js";
import { duration } from "./format.js";

export class Banner {
  constructor() {
    this.gone = el("span");
    this.down = el("div", { class: "banner bad", role: "alert", hidden: true }, this.gone, el("button", { type: "button", text: "Try now", onclick: tryNow }));
    this.why = el("span", { id: "token-why" });
    this.field = el("input", { type: "password", id: "token", autocomplete: "off", "aria-describedby": "token-why", required: true });
    this.ask = el("form", { class: "banner warn", hidden: true, onsubmit: (event) => this.#give(event) },
      el("label", { for: "token", text: "Bearer token" }), this.field, el("button", { type: "submit", class: "primary", text: "Use" }), this.why);
    this.node = el("div", {}, this.down, this.ask);
    onChange(() => this.update());
    setInterval(() => this.update(), 1000);
  }

  #give(event) {
    event.preventDefault();
    setToken(this.field.value.trim());
    this.field.value = "";
  }

  update() {
    this.down.hidden = !connection.down;
    if (connection.down) {
      const since = (Date.now() - connection.lost) / 1000;
      const next = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
      setText(this.gone, `The server has not answered for ${duration(Math.max(1, since))}. What is shown is old. ${next ? `Trying again in ${next} s.` : "Trying now…"}`);
    }
    const asked = this.ask.hidden;
    this.ask.hidden = !connection.locked;
    if (!connection.locked) return;
    setText(this.why, hasToken() ? `That token was refused: ${connection.locked}` : `${connection.locked}. The token is kept in this page's memory only.`);
    if (asked) this.field.focus();
  }
}
