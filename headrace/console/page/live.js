// The last ten minutes, second by second, as GET /admin/v1/live tells them: kept here and added to.
import { get } from "./api.js";

const LENGTH = 600;
const GAPS = ["p50", "p99", "wait"];

function line() {
  return { requests: [], errors: [], p50: [], p99: [], inFlight: [], wait: [], codes: new Map() };
}

// Lengthens every list of a line to `length` from the front; a line that is new was idle before.
function pad(found, length) {
  for (const [name, values] of Object.entries(found)) {
    if (name === "codes") continue;
    while (values.length < length) values.unshift(GAPS.includes(name) ? null : 0);
  }
  for (const values of found.codes.values()) while (values.length < length) values.unshift(0);
}

export class Live {
  constructor() {
    this.clear();
  }

  clear() {
    this.instance = "";
    this.tick = 0;
    this.times = [];
    this.total = line();
    this.lines = new Map(); // model -> version (null for none) -> line
    this.protocols = new Map();
  }

  async load() {
    this.take(await get(`/admin/v1/live?after=${this.tick}&instance=${encodeURIComponent(this.instance)}`));
  }

  take(answer) {
    const next = this.tick + answer.times.length;
    if (answer.instance !== this.instance || answer.tick !== next) this.clear();
    this.instance = answer.instance;
    this.tick = answer.tick;
    const before = this.times.length;
    this.times.push(...answer.times);
    this.#add(this.total, answer.total, answer.elapsed, before);
    for (const series of answer.series) {
      if (!this.lines.has(series.model)) this.lines.set(series.model, new Map());
      const versions = this.lines.get(series.model);
      if (!versions.has(series.version)) versions.set(series.version, line());
      this.#add(versions.get(series.version), series, answer.elapsed, before);
    }
    for (const [name, series] of Object.entries(answer.protocols)) {
      if (!this.protocols.has(name)) this.protocols.set(name, { inFlight: [], wait: [], codes: new Map() });
      const found = this.protocols.get(name);
      pad(found, before);
      found.inFlight.push(...series.in_flight);
      found.wait.push(...series.queue_wait_ms);
    }
    this.#trim();
  }

  #add(found, series, elapsed, before) {
    pad(found, before);
    found.requests.push(...series.requests.map((value, at) => value / elapsed[at]));
    found.p50.push(...series.p50_ms);
    found.p99.push(...series.p99_ms);
    found.inFlight.push(...series.in_flight);
    found.wait.push(...series.queue_wait_ms);
    const errors = elapsed.map(() => 0);
    for (const [code, counts] of Object.entries(series.errors)) {
      if (!found.codes.has(code)) found.codes.set(code, new Array(before).fill(0));
      found.codes.get(code).push(...counts);
      counts.forEach((value, at) => { errors[at] += value / elapsed[at]; });
    }
    found.errors.push(...errors);
    fillCodes(found.codes, this.times.length);
  }

  // Forgets what is older than ten minutes, and lines that the server has dropped.
  #trim() {
    const length = this.times.length;
    const over = Math.max(0, length - LENGTH);
    this.times.splice(0, over);
    const fits = (found) => found.inFlight.length === length;
    const cut = (found) => {
      for (const [name, values] of Object.entries(found)) if (name !== "codes") values.splice(0, over);
      for (const [code, values] of found.codes) {
        values.splice(0, over);
        if (!values.some((value) => value > 0)) found.codes.delete(code);
      }
    };
    for (const [model, versions] of this.lines) {
      for (const [version, found] of versions) if (!fits(found)) versions.delete(version);
      if (!versions.size) this.lines.delete(model);
    }
    for (const [name, found] of this.protocols) if (!fits(found)) this.protocols.delete(name);
    for (const found of [this.total, ...this.protocols.values(), ...[...this.lines.values()].flatMap((each) => [...each.values()])]) cut(found);
  }

  versions(model) {
    return this.lines.get(model) || new Map();
  }

  // What the last `seconds` of some lines come to: rates, the share of errors, and times of which the p99 is the worst second's.
  summary(lines, seconds) {
    const from = Math.max(0, this.times.length - seconds);
    const length = Math.max(1, this.times.length - from);
    const sum = { requests: 0, errors: 0, p50: 0, p99: null };
    let weighed = 0;
    for (const found of lines) {
      for (let at = from; at < this.times.length; at++) {
        sum.requests += found.requests[at] / length;
        sum.errors += found.errors[at] / length;
        if (found.p50[at] !== null && found.p50[at] !== undefined) {
          weighed += found.requests[at];
          sum.p50 += found.requests[at] * found.p50[at];
          sum.p99 = Math.max(sum.p99 ?? 0, found.p99[at]);
        }
      }
    }
    return { ...sum, p50: weighed ? sum.p50 / weighed : null, share: sum.requests ? sum.errors / sum.requests : null };
  }

  // How many requests ended with each code other than OK in the last `seconds`, most first.
  codes(lines, seconds) {
    const counts = new Map();
    for (const found of lines) {
      for (const [code, values] of found.codes) {
        const sum = values.slice(-seconds).reduce((a, b) => a + b, 0);
        if (sum) counts.set(code, (counts.get(code) || 0) + sum);
      }
    }
    return [...counts].sort((a, b) => b[1] - a[1]);
  }
}

// Codes that an answer does not name any more did not happen in its seconds.
function fillCodes(codes, length) {
  for (const values of codes.values()) while (values.length < length) values.push(0);
}
