// Amounts of bytes for people.
const SPACE = "\u202f";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(value) {
  let at = 0;
  while (value >= 1024 && at < UNITS.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${value.toFixed(at === 0 || value >= 100 ? 0 : 1)}${SPACE}${UNITS[at]}`;
}

export function speed(value) {
  return `${bytes(value)}/s`;
}
