"use strict";
// Draws one graph at a time; a node that holds graphs opens them, and the path above leads back.
const SVG = "http://www.w3.org/2000/svg";
const whole = JSON.parse(document.getElementById("data").textContent);
const svg = document.getElementById("drawing");
const view = document.getElementById("view");
const details = document.getElementById("details");
const path = [whole];
const place = { x: 0, y: 0, scale: 1 };

function make(tag, attributes, parent, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}

function html(tag, text, parent) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}

function settle() {
  view.setAttribute("transform", `translate(${place.x} ${place.y}) scale(${place.scale})`);
}

function laidOut(graph) {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 36 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) {
    const width = Math.max(70, 8 * Math.max(node.op.length, Math.min(node.name.length, 28) * 0.8) + 16);
    layout.setNode(node.id, { width, height: 38 });
  }
  graph.edges.forEach((edge, number) => layout.setEdge(edge.from, edge.to, {}, String(number)));
  dagre.layout(layout);
  return layout;
}

function show(graph) {
  view.replaceChildren();
  const layout = laidOut(graph);
  for (const edge of layout.edges()) {
    const points = layout.edge(edge).points.map((p) => `${p.x},${p.y}`);
    make("polyline", { class: "edge", points: points.join(" ") }, view);
  }
  for (const node of graph.nodes) {
    const at = layout.node(node.id);
    const kinds = ["node", node.kind, node.device ? "placed" : ""].join(" ").trim();
    const group = make("g", { class: kinds, transform: `translate(${at.x} ${at.y})`, "data-name": node.name, "data-op": node.op }, view);
    make("rect", { x: -at.width / 2, y: -at.height / 2, width: at.width, height: at.height, rx: 5 }, group);
    make("text", { y: -2 }, group, node.op);
    make("text", { y: 12, class: "name" }, group, node.name.length > 28 ? "…" + node.name.slice(-27) : node.name);
    group.addEventListener("click", () => choose(node, group));
    if ((node.bodies || []).length) group.addEventListener("dblclick", () => open(node.bodies[0]));
  }
  fit(layout.graph());
  const trail = document.getElementById("path");
  trail.replaceChildren();
  path.forEach((step, depth) => {
    html("button", `@${step.name}`, trail).addEventListener("click", () => { path.length = depth + 1; show(path[depth]); });
  });
}

function open(body) {
  path.push(body);
  show(body);
}

function fit(size) {
  const box = svg.getBoundingClientRect();
  place.scale = Math.min(1.5, box.width / (size.width + 40), box.height / (size.height + 40));
  place.x = (box.width - size.width * place.scale) / 2;
  place.y = 20;
  settle();
}

function choose(node, group) {
  for (const other of view.querySelectorAll(".chosen")) other.classList.remove("chosen");
  group.classList.add("chosen");
  details.replaceChildren();
  html("h2", `${node.op} ${node.name}`, details);
  const list = html("dl", undefined, details);
  const rows = [["results", node.types.join(", ")], ["device", node.device], ["source", node.source], ...Object.entries(node.attrs || {})];
  for (const [key, value] of rows) {
    if (!value) continue;
    html("dt", key, list);
    html("dd", value, list);
  }
  for (const body of node.bodies || []) {
    html("button", `open @${body.name}`, details).addEventListener("click", () => open(body));
  }
}

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const factor = Math.exp(-event.deltaY * 0.0015);
  const box = svg.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  place.x = x - (x - place.x) * factor;
  place.y = y - (y - place.y) * factor;
  place.scale *= factor;
  settle();
}, { passive: false });

let held = null;
svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX - place.x, y: event.clientY - place.y }; });
window.addEventListener("pointermove", (event) => {
  if (!held) return;
  place.x = event.clientX - held.x;
  place.y = event.clientY - held.y;
  settle();
});
window.addEventListener("pointerup", () => { held = null; });

show(whole);
document.body.dataset.ready = "yes";
