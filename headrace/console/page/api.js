// Requests to the server that this page came from. The token lives in this module's memory and nowhere else.
let token = "";
export const events = new EventTarget();
export const STATUS = "/admin/v1/status";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status; // 0 when no answer came
  }
}

export function setToken(value) {
  token = value;
  events.dispatchEvent(new Event("token"));
}

export function hasToken() {
  return token !== "";
}

function errorText(status, text) {
  try {
    const found = JSON.parse(text).error;
    if (typeof found === "string") return found;
  } catch {
    // an answer of something before the server
  }
  return text.slice(0, 500) || `the server answered ${status}`;
}

// One request. Gives { status, text, headers }; raises ApiError for an answer that is no success, or for none.
export async function send(method, path, { body, type = "application/json", headers = {}, seconds = 15, signal } = {}) {
  const sent = { ...headers };
  if (body !== undefined) sent["content-type"] = type;
  if (token) sent.authorization = `Bearer ${token}`;
  const limit = AbortSignal.timeout(seconds * 1000);
  let response, text;
  try {
    const either = signal ? AbortSignal.any([limit, signal]) : limit;
    response = await fetch(path, { method, body, headers: sent, cache: "no-store", redirect: "error", signal: either });
    text = await response.text();
  } catch (error) {
    if (signal && signal.aborted) throw new ApiError(0, "cancelled");
    throw new ApiError(0, error.name === "TimeoutError" ? `no answer within ${seconds} s` : "the server does not answer");
  }
  if (!response.ok) {
    const error = new ApiError(response.status, errorText(response.status, text));
    // Without the right to see the server's state there is nothing to show: another token may have it.
    if (response.status === 401 || (response.status === 403 && path === STATUS)) events.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
    throw error;
  }
  return { status: response.status, text, headers: response.headers };
}

// The value of a JSON text. Its objects inherit nothing, so that a model called "constructor" is found only where it is.
export function parsed(text) {
  return JSON.parse(text, (_, value) =>
    (value !== null && typeof value === "object" && !Array.isArray(value) ? Object.assign(Object.create(null), value) : value));
}

export async function get(path) {
  return parsed((await send("GET", path)).text);
}

export function modelPath(name, rest = "") {
  return `/admin/v1/models/${encodeURIComponent(name)}${rest}`;
}

export function modelTraffic(name, rest) {
  return `/admin/v1/traffic/${encodeURIComponent(name)}${rest}`;
}
