// How a model is, from the states of its versions: in a word, a colour and a shape.
const LOADING = ["START", "LOADING"];

export const KINDS = { good: "●", busy: "◐", warn: "▲", bad: "■", idle: "○" };

export function versionKind(version) {
  if (version.error) return "bad";
  if (version.state === "AVAILABLE") return "good";
  if (LOADING.includes(version.state)) return "busy";
  return "idle";
}

// { kind, text } of a model as GET /admin/v1/status tells it.
export function modelHealth(model) {
  const available = model.versions.filter((version) => version.state === "AVAILABLE").map((version) => version.version);
  const failed = model.versions.filter((version) => version.error);
  const loading = model.versions.filter((version) => LOADING.includes(version.state) && !version.error);
  if (available.length && failed.length) return { kind: "warn", text: `serving, version ${failed[0].version} failed` };
  if (available.length && loading.length) return { kind: "good", text: `serving, version ${loading[0].version} is loading` };
  if (available.length) return { kind: "good", text: available.length === 1 ? `serving version ${available[0]}` : `serving ${available.length} versions` };
  if (failed.length) return { kind: "bad", text: `not serving: version ${failed[0].version} failed` };
  if (loading.length) return { kind: "busy", text: `loading version ${loading[0].version}` };
  return { kind: "bad", text: "not serving: no version found" };
}
