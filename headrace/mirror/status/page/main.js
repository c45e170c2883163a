// The page: asks for the state every few seconds, and shows it.
import { el, keyed, setAttribute, setText } from "./dom.js";
import { bytes, speed } from "./amounts.js";
import { count, dateTime, duration, percent } from "./format.js";
import { ask, Refused } from "./ask.js";
import { search } from "./search.js";

const EVERY = 2000;
const SPACE = "\u202f";
const node = (id) => document.getElementById(id);
const GOOD = new Set(["hit", "miss", "fetched", "stale_while_revalidate"]);

function tile(label, big, note, kind = "") {
  return { label, big, note, kind };
}

function share(part, whole) {
  return whole ? percent(part / whole) : "–";
}

// Bytes given out from a source, by all parts of the mirror.
function bytesFrom(sent, source) {
  return Object.entries(sent).reduce((sum, [labels, size]) => (labels.endsWith(` ${source}`) ? sum + size : sum), 0);
}

function checked(state) {
  if (!state.check) return tile("Last check", "never", "run headrace mirror fsck", "warn");
  const left = state.check.repaired ? 0 : state.check.damaged;
  const when = `${duration(Math.max(0, state.now - state.check.ended))} ago`;
  if (left) return tile("Last check", `${count(left)} damaged`, when, "bad");
  return tile("Last check", "all whole", when);
}

function tiles(state) {
  const { pages, sent, refused } = state.counts;
  const asks = (pages.hit || 0) + (pages.miss || 0) + (pages.stale_while_revalidate || 0) + (pages.stale_if_error || 0);
  const direct = (pages.hit || 0) + (pages.stale_while_revalidate || 0);
  const stored = bytesFrom(sent, "store");
  const given = stored + bytesFrom(sent, "upstream");
  const free = state.disk_total ? state.disk_free / state.disk_total : 1;
  const waiting = state.transfers.filter((each) => each.waiting).length;
  return [
    tile("Store", bytes(state.usage.bytes), `${count(state.usage.files)} files; at most ${bytes(state.limit_bytes)}`),
    tile("Disk free", bytes(state.disk_free), `${percent(free)} of ${bytes(state.disk_total)}`, free < 0.05 ? "bad" : free < 0.1 ? "warn" : ""),
    tile("Pages at hand", share(direct, asks), `of ${count(asks)} asked for`),
    tile("Bytes from the store", share(stored, given), `of ${bytes(given)} given out`),
    tile("On their way", count(state.transfers.length), `${count(waiting)} not begun`),
    tile("Refused", count(Object.values(refused).reduce((sum, each) => sum + each, 0)), "files, since the start"),
    checked(state),
  ];
}

function showTiles(state) {
  keyed(node("tiles"), tiles(state), (each) => each.label, (each) => {
    const big = el("span", { class: "big" });
    const note = el("span", { class: "note" });
    return { node: el("div", { class: "tile" }, el("span", { class: "label", text: each.label }), big, note), big, note };
  }, (row, each) => {
    setAttribute(row.node, "class", each.kind ? `tile ${each.kind}` : "tile");
    setText(row.big, each.big);
    setText(row.note, each.note);
  });
}

// A table's rows; each is the texts of its cells, or nodes made once.
function showRows(id, items, keyOf, cells, empty) {
  keyed(node(id), items, keyOf, (item) => {
    const made = cells(item).map((cell) => el("td", { class: cell.kind || null }));
    return { node: el("tr", {}, ...made), cells: made };
  }, (row, item) => {
    cells(item).forEach((cell, at) => {
      setAttribute(row.cells[at], "class", cell.kind || null);
      if (!cell.progress) return setText(row.cells[at], cell.text);
      const bar = row.cells[at].firstChild || el("progress", { class: "progress" });
      if (!bar.parentNode) row.cells[at].append(bar);
      setAttribute(bar, "aria-label", cell.progress.label);
      setAttribute(bar, "max", cell.progress.total || null);
      setAttribute(bar, "value", cell.progress.total ? cell.progress.value : null);
      return undefined;
    });
  });
  node(id).closest(".scroll").hidden = items.length === 0;
  setText(node(`no-${id}`), items.length ? "" : empty);
}

function stateOf(upstream) {
  const since = `for ${duration(upstream.failing_seconds)}`;
  if (upstream.is_open) return { text: `✕ left alone; fails ${since}`, kind: "state bad" };
  if (upstream.failures) return { text: `▲ fails ${since}`, kind: "state warn" };
  return upstream.answered ? { text: "● answers", kind: "state good" } : { text: "○ not asked yet", kind: "state" };
}

function showUpstreams(state) {
  showRows("upstreams", state.upstreams, (each) => each.name, (each) => [
    { text: each.name },
    stateOf(each),
    { text: each.answered ? `${duration(Math.max(0, state.now - each.answered))} ago` : "–" },
    { text: each.oldest_page === null ? "none in 10 minutes" : duration(each.oldest_page) },
    { text: each.url },
  ], "This mirror asks nobody: it gives out what it has.");
}

function showTransfers(state) {
  showRows("transfers", state.transfers, (each) => each.url, (each) => {
    const name = decodeURIComponent(each.url.split("/").pop());
    return [
      { text: name, kind: "file-name" },
      { text: each.upstream },
      { progress: { label: `Progress of ${name}`, value: each.bytes, total: each.waiting ? 0 : each.total } },
      { text: each.total ? `${bytes(each.bytes)} of ${bytes(each.total)}` : bytes(each.bytes), kind: "number" },
      { text: each.waiting ? "waits" : speed(each.bytes / Math.max(each.seconds, 0.001)), kind: "number" },
    ];
  }, "Nothing is being fetched.");
}

function showCounts(state) {
  const answers = Object.entries(state.counts.requests).map(([labels, times]) => ({ labels, parts: labels.split(" "), times }));
  answers.sort((a, b) => a.labels.localeCompare(b.labels));
  showRows("answers", answers, (each) => each.labels, (each) => [
    { text: each.parts[0] },
    { text: each.parts[1], kind: each.parts[1] >= "500" ? "state bad" : "" },
    { text: count(each.times), kind: "number" },
  ], "Nothing was asked yet.");
  const { sent } = state.counts;
  const kinds = [...new Set(Object.keys(sent).map((labels) => labels.split(" ")[0]))].sort();
  showRows("sent", kinds, (each) => each, (each) => [
    { text: each },
    { text: bytes(sent[`${each} store`] || 0), kind: "number" },
    { text: bytes(sent[`${each} upstream`] || 0), kind: "number" },
  ], "Nothing was given out yet.");
  const events = [["pages", "page"], ["downloads", "transfer"], ["refused", "refusal"]].flatMap(([name, of]) =>
    Object.entries(state.counts[name]).filter(([, times]) => times > 0).map(([event, times]) => ({ of, event, times })));
  showRows("events", events, (each) => `${each.of} ${each.event}`, (each) => [
    { text: each.of },
    { text: each.event.replaceAll("_", " "), kind: each.of === "refusal" || GOOD.has(each.event) ? "" : "state warn" },
    { text: count(each.times), kind: "number" },
  ], "Nothing happened yet.");
}

function showRefusals(state) {
  showRows("refusals", state.refusals, (each) => `${each.when} ${each.file}`, (each) => [
    { text: dateTime(each.when) },
    { text: each.file, kind: "file-name" },
    { text: each.rule },
    { text: each.reason },
  ], "Nothing was refused since the start.");
}

function health(state) {
  const open = state.upstreams.filter((each) => each.is_open).map((each) => each.name);
  if (state.check && !state.check.repaired && state.check.damaged) return ["✕ damaged files", "bad"];
  if (open.length) return [`▲ ${open.join(", ")} does not answer`, "bad"];
  return ["● in order", "good"];
}

function show(state) {
  const [text, kind] = health(state);
  setText(node("health"), text);
  setAttribute(node("health"), "class", `chip ${kind}`);
  setText(node("uptime"), `${state.version}${SPACE}·${SPACE}up ${duration(state.now - state.started)}`);
  showTiles(state);
  showUpstreams(state);
  showTransfers(state);
  showCounts(state);
  showRefusals(state);
}

let token = "";

async function refresh() {
  try {
    show(await ask("status.json", token));
    node("lost").hidden = true;
    node("asking").hidden = true;
  } catch (error) {
    if (error instanceof Refused) {
      setText(node("token-why"), token ? `That token was refused: ${error.message}` : "This mirror tells nothing without a token.");
      if (node("asking").hidden) {
        node("asking").hidden = false;
        node("token").focus();
      }
    } else {
      setText(node("lost"), `The mirror does not answer (${error.message}); what is shown may be old.`);
      node("lost").hidden = false;
    }
  }
}

async function run() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

node("asking").addEventListener("submit", (event) => {
  event.preventDefault();
  token = node("token").value.trim();
  node("token").value = "";
  refresh();
});
search((text) => ask(`status/search.json?q=${encodeURIComponent(text)}`, token));
run();
