// Puts the page together: what is asked of the server when, and which part shows it.
import { get, STATUS } from "./api.js";
import { Audit } from "./audit.js";
import { Banner } from "./banner.js";
import { Charts, modelLines, serverLines } from "./charts.js";
import { poll, watch } from "./connection.js";
import { el, setAttribute, setText } from "./dom.js";
import { Experiment } from "./experiment.js";
import { modelHealth } from "./health.js";
import { Live } from "./live.js";
import { ModelList, serverLine, Tiles } from "./overview.js";
import { Reload } from "./reload.js";
import { report, Rules, Traffic } from "./traffic.js";
import { TryIt } from "./tryit.js";
import { Versions } from "./versions.js";

const state = { status: null, trouble: "", live: new Live(), rules: new Rules(), report: null, page: "models", model: null };
const content = document.getElementById("content");
const tiles = new Tiles();
const list = new ModelList();
const detail = el("div", { class: "detail" });
const waiting = el("p", { class: "empty", text: "Asking the server…" });
const audit = new Audit();
const again = { status: () => {}, rules: () => {}, report: () => {}, audit: () => {} };
const reload = new Reload(() => Object.keys(state.status ? state.status.models : {}), () => again.status());
const pages = { models: el("div", { hidden: true }, tiles.node, el("div", { class: "columns" }, list.node, detail)), audit: audit.node, configuration: reload.node };
let parts = null; // of the model that is shown

// The page of one model, or of all with `name` null.
function shownParts(name) {
  const title = el("h2", { text: name === null ? "All models" : name });
  const health = el("p", { class: "health" });
  const found = { name, health, charts: new Charts() };
  detail.replaceChildren(el("div", { class: "title" }, title, health));
  if (name !== null && state.status.models[name]) {
    found.versions = new Versions();
    found.traffic = new Traffic(name, state.rules, () => { again.rules(); again.report(); });
    found.experiment = new Experiment();
    found.tryIt = new TryIt(name);
    detail.append(found.versions.node, found.charts.node, found.traffic.node, found.experiment.node, found.tryIt.node);
  } else {
    detail.append(found.charts.node);
  }
  return found;
}

function drawDetail() {
  const { status, live, model: name } = state;
  const model = name === null ? null : status.models[name];
  if (name !== null && !model && !live.lines.has(name)) {
    parts = null;
    detail.replaceChildren(el("p", { class: "empty", text: `This server has no model called ${name}.` }));
    return;
  }
  if (!parts || parts.name !== name || Boolean(parts.versions) !== Boolean(model)) parts = shownParts(name);
  parts.charts.update(live, name === null ? serverLines(live) : modelLines(live, name));
  const health = model ? modelHealth(model) : { kind: "all", text: name === null ? "requests of all models together" : "requests that reached no model" };
  setText(parts.health, health.text);
  setAttribute(parts.health, "class", `health ${health.kind}`);
  if (!model) return;
  parts.versions.update(name, model, live);
  parts.traffic.update(model, state.report, (version) => parts.charts.colour(`${name}/${version}`));
  parts.experiment.update(state.report);
  parts.tryIt.update(model);
}

function draw() {
  for (const [name, node] of Object.entries(pages)) node.hidden = name !== state.page || (name === "models" && !state.status);
  for (const link of document.querySelectorAll("[data-page]")) setAttribute(link, "aria-current", link.dataset.page === state.page ? "page" : null);
  waiting.hidden = state.page !== "models" || Boolean(state.status);
  setText(waiting, state.trouble ? `The server refuses to say how it is: ${state.trouble}` : "Asking the server…");
  if (!state.status) return;
  const { ready, text } = serverLine(state.status);
  const chip = document.getElementById("ready");
  setText(chip, ready ? "● ready" : "■ not ready");
  setAttribute(chip, "class", `chip ${ready ? "good" : "bad"}`);
  setText(document.getElementById("uptime"), text);
  if (state.page !== "models") return;
  tiles.update(state.status, state.live);
  list.update(state.status, state.live, state.model);
  drawDetail();
}

// The model to look at first: one in trouble, or the only one.
function firstModel() {
  const names = Object.keys(state.status.models);
  const troubled = names.find((name) => ["bad", "warn"].includes(modelHealth(state.status.models[name]).kind));
  return troubled ?? (names.length === 1 ? names[0] : null);
}

// Addresses are #/models, #/models/NAME, #/audit and #/configuration.
function followAddress() {
  const [, page, name] = location.hash.split("/");
  state.page = pages[page] ? page : "models";
  const model = name === undefined ? null : decoded(name);
  if (model !== state.model) state.report = null;
  state.model = model;
  again.report();
  again.audit();
  draw();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody typed
  }
}

async function loadStatus() {
  try {
    const first = !state.status;
    state.status = await get(STATUS);
    state.trouble = "";
    if (first && !location.hash) {
      state.model = firstModel();
      again.report();
    }
  } catch (error) {
    if (error.status) state.trouble = error.message;
    draw();
    throw error;
  }
  draw();
}

async function loadRules() {
  await state.rules.load().finally(draw);
  if (state.report && !state.rules.of(state.model)) state.report = null;
  else if (!state.report) again.report();
}

async function loadReport() {
  const name = state.model;
  const found = await report(name);
  if (name !== state.model) return;
  state.report = found;
  draw();
}

content.append(waiting, ...Object.values(pages));
document.getElementById("banner").append(new Banner().node);
window.addEventListener("hashchange", followAddress);
followAddress();
watch(loadStatus, 2);
again.status = () => loadStatus().catch((error) => { if (error.status === undefined) throw error; });
poll(() => state.live.load().then(draw), 1);
again.rules = poll(loadRules, 3, () => state.page === "models");
again.report = poll(loadReport, 3, () => state.page === "models" && state.model !== null && Boolean(state.rules.of(state.model)));
again.audit = poll(() => audit.load(), 3, () => state.page === "audit");
