// The search for a project: its files, their ages, what the policy says, and which are here.
import { el, setText } from "./dom.js";
import { bytes } from "./amounts.js";
import { count, dateTime, duration } from "./format.js";

const node = (id) => document.getElementById(id);

function verdict(file) {
  if (file.refused) return el("td", { class: "state bad", text: `✕ ${file.refused}` });
  return el("td", { class: file.yanked ? "state warn" : "state good", text: file.yanked ? "▲ given out; yanked" : "● given out" });
}

function row(file) {
  const uploaded = file.uploaded ? Date.parse(file.uploaded) / 1000 : NaN;
  return el("tr", {},
    el("td", { class: "file-name", text: file.name }),
    el("td", { class: "number", text: typeof file.size === "number" ? bytes(file.size) : "–" }),
    el("td", { text: Number.isNaN(uploaded) ? "unknown" : dateTime(uploaded) }),
    el("td", { text: file.cached ? "here" : "upstream" }),
    verdict(file));
}

function page(project, found) {
  const headings = ["File", "Size", "Uploaded", "Where", "Policy"];
  const shown = found.files.length < found.total ? `the last ${count(found.files.length)} of ` : "";
  const serial = found.serial === null ? "" : `, serial ${found.serial}`;
  const label = `Files of ${project} of ${found.upstream}`;
  return el("div", {},
    el("p", { class: "found-head", text:
      `From ${found.upstream}: ${shown}${count(found.total)} files, asked for ${duration(found.age)} ago${serial}, ${found.status}.` }),
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
      el("table", { class: "files", "aria-label": label },
        el("thead", {}, el("tr", {}, ...headings.map((text) => el("th", { scope: "col", text, class: text === "Size" ? "number" : null })))),
        el("tbody", {}, ...found.files.map(row)))));
}

function show(answer, again) {
  setText(node("search-said"), answer.pages.length ? "" : `Nothing is kept of ${answer.project}; ask for it with pip, and look again.`);
  node("found").replaceChildren(...answer.pages.map((each) => page(answer.project, each)));
  node("similar").hidden = answer.similar.length === 0;
  node("similar").replaceChildren("Also here: ", ...answer.similar.map((name) =>
    el("button", { type: "button", class: "small", text: name, onclick: () => again(name) })));
}

// Wires the form; `find` asks the mirror.
export function search(find) {
  async function look(text) {
    node("project").value = text;
    try {
      show(await find(text), look);
    } catch (error) {
      setText(node("search-said"), `The search failed: ${error.message}`);
      node("found").replaceChildren();
    }
  }
  node("search").addEventListener("submit", (event) => {
    event.preventDefault();
    look(node("project").value.trim());
  });
}
