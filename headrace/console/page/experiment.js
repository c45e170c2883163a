// The report of an experiment: what each variant did, and whether they differ by more than chance.
import { el, keyed, setAttribute, setText } from "./dom.js";
import { count, dateTime, milliseconds, percent, significant } from "./format.js";

const COLUMNS = ["Variant", "Share", "Requests", "Errors", "p50", "p99", "NaN answers", "Outcome rate", "Outcome mean"];
const WHAT = { error_rate: "error rate", outcome_rate: "rate of good outcomes", outcome_mean: "mean outcome" };
const TESTS = { welch: "Welch's t-test", two_proportion_z: "z-test of two proportions" };

export class Experiment {
  constructor() {
    this.rows = el("tbody");
    this.found = el("ul", { class: "findings" });
    this.about = el("p", { class: "hint" });
    this.shadow = el("p", { class: "hint" });
    this.node = el("section", { class: "block", "aria-label": "Experiment", hidden: true },
      el("div", { class: "block-head" }, el("h3", { text: "Experiment" })), this.about,
      el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ...COLUMNS.map((name, at) => el("th", { scope: "col", class: at ? "number" : null, text: name })))), this.rows)),
      this.found, this.shadow);
  }

  update(report) {
    this.node.hidden = !report;
    if (!report) return;
    setText(this.about, `Counted since ${dateTime(report.since)}, when these rules came into force.`);
    keyed(this.rows, Object.entries(report.variants), ([name]) => name, variantRow, (row, [name, variant]) => show(row, name, variant));
    keyed(this.found, report.comparisons, (each) => `${each.variant} ${each.what}`, findingRow, (row, each) => {
      setText(row.text, findingText(each));
      setText(row.chip, each.significant ? "significant" : "not significant");
      setAttribute(row.chip, "class", each.significant ? "chip strong" : "chip");
    });
    setText(this.shadow, report.shadow ? shadowText(report.shadow) : "");
  }
}

function variantRow() {
  const cells = COLUMNS.map((_, at) => el(at ? "td" : "th", at ? { class: "number" } : { scope: "row" }));
  return { node: el("tr", {}, ...cells), cells };
}

function show(row, name, variant) {
  const { rate, number } = variant.outcomes;
  const spread = number.standard_deviation === null ? "" : ` ± ${significant(number.standard_deviation)}`;
  const codes = Object.entries(variant.errors).map(([code, times]) => `${times} ${code}`).join(", ");
  const inMs = (seconds) => milliseconds(seconds === null ? null : 1000 * seconds);
  const texts = [name, percent(variant.share), count(variant.requests), percent(variant.error_rate), inMs(variant.latency_seconds.p50),
    inMs(variant.latency_seconds.p99), count(variant.nonfinite_answers),
    rate.count ? `${percent(rate.rate)} of ${count(rate.count)}` : "–",
    number.count ? `${significant(number.mean)}${spread} of ${count(number.count)}` : "–"];
  texts.forEach((text, at) => setText(row.cells[at], text));
  setAttribute(row.cells[3], "title", codes || null);
}

function findingRow() {
  const [chip, text] = [el("span"), el("span")];
  return { node: el("li", {}, chip, text), chip, text };
}

function findingText({ baseline, variant, what, test, difference, confidence, interval, p_value: p }) {
  const points = (value) => (what === "outcome_mean" ? `${value >= 0 ? "+" : "−"}${significant(Math.abs(value))}`
    : `${value >= 0 ? "+" : "−"}${significant(100 * Math.abs(value))} points`);
  return `${variant} against ${baseline}: ${WHAT[what] || what} ${points(difference)} (${Math.round(100 * confidence)} % interval ` +
    `${points(interval[0])} to ${points(interval[1])}; ${TESTS[test] || test}, p ${p < 0.001 ? "< 0.001" : `= ${significant(p, 2)}`})`;
}

function shadowText({ variant, compared, same, different, errors, dropped, argmax_agreement: agreement }) {
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const told = [`Shadow ${variant}: ${count(compared)} answers compared, ${count(same)} the same, ${count(different)} different`];
  if (agreement !== null) told.push(`${percent(agreement)} with the same largest output`);
  return `${told.join(", ")}; ${count(sum(errors))} errors, ${count(sum(dropped))} copies dropped.`;
}
