// Requests to the mirror.
const TIMEOUT = 10000;

// The mirror wants a token, or another one.
export class Refused extends Error {}

export async function ask(path, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.status === 401 || answer.status === 403) throw new Refused((await answer.text()).trim().slice(0, 200));
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}
