// Numbers and times for people.
const SPACE = "\u202f";

function plain(value, digits) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replaceAll(",", SPACE);
}

export function count(value) {
  if (value >= 1e6) return plain(value / 1e6, value >= 1e7 ? 0 : 1) + SPACE + "M";
  if (value >= 1e4) return plain(value / 1e3, value >= 1e5 ? 0 : 1) + SPACE + "k";
  return plain(value, 0);
}

// A number of something in each second, or a mean number of something.
export function rate(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  if (value < 0.01) return "<0.01";
  if (value < 1) return plain(value, 2);
  return value < 10 ? plain(value, 1) : count(value);
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1000) return plain(value / 1000, value < 10000 ? 2 : 1) + SPACE + "s";
  return plain(value, value < 1 ? 2 : value < 100 ? 1 : 0) + SPACE + "ms";
}

export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0 && share < 0.0001) return "<0.01" + SPACE + "%";
  return plain(100 * share, share === 0 || share === 1 ? 0 : share < 0.1 ? 2 : 1) + SPACE + "%";
}

export function weight(share) {
  const value = 100 * share;
  return plain(value, Number.isInteger(Math.round(value * 100) / 100) ? 0 : 1) + SPACE + "%";
}

export function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, parts.findIndex(([size]) => seconds >= size));
  if (seconds < 1) return "0" + SPACE + "s";
  const [size, unit] = parts[at];
  const whole = Math.floor(seconds / size) + SPACE + unit;
  const rest = at < 3 ? Math.floor((seconds % size) / parts[at + 1][0]) : 0;
  return rest && at < 2 ? whole + " " + rest + SPACE + parts[at + 1][1] : whole;
}

export function clock(unixSeconds, withSeconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (withSeconds) options.second = "2-digit";
  return new Date(unixSeconds * 1000).toLocaleTimeString("en-GB", options);
}

export function dateTime(unixSeconds) {
  const date = new Date(unixSeconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(unixSeconds)}`;
}

export function significant(value, digits = 3) {
  return value === null || value === undefined ? "–" : Number(value).toPrecision(digits).replace(/\.?0+$/, "");
}

// A table's or list's order: 2 before 10.
export const byName = new Intl.Collator("en", { numeric: true }).compare;
