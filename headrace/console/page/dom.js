// Making and changing elements. Text from the server only ever becomes text: nothing here takes markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// An HTML element: attributes, `text`, and listeners as `onclick` and so on.
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

// Changes text only where it differs, so that a selection of the reader's stays.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const rows = new WeakMap();

// One child of `parent` for each item, kept while its key is there, so that focus and selection survive an update.
export function keyed(parent, items, keyOf, create, update) {
  const before = rows.get(parent) || new Map();
  const after = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const row = before.get(key) || create(item);
    before.delete(key);
    after.set(key, row);
    update(row, item);
    if (row.node === place) place = place.nextSibling;
    else parent.insertBefore(row.node, place);
  }
  for (const row of before.values()) row.node.remove();
  rows.set(parent, after);
}

// Asks before something is done. Resolves to true when the reader agrees.
export function confirmed(title, lines, action) {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "dialog-title" },
      el("h2", { id: "dialog-title", text: title }),
      el("ul", {}, ...lines.map((line) => el("li", { text: line }))),
      el("div", { class: "actions" },
        el("button", { type: "button", text: "Cancel", onclick: () => dialog.close("no") }),
        el("button", { type: "button", class: "primary", text: action, onclick: () => dialog.close("yes") })));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
