// Asks the server again and again, and knows whether it answers. While it does not, one request with growing pauses
// looks for it, and everything else waits.
import { events } from "./api.js";

const LONGEST_PAUSE = 30;
export const connection = { down: false, locked: "", lost: 0, retryAt: 0 };
const changes = new EventTarget();
let wake = () => {};

export function onChange(listener) {
  changes.addEventListener("change", listener);
}

function changed() {
  changes.dispatchEvent(new Event("change"));
}

events.addEventListener("refused", (event) => {
  connection.locked = event.detail;
  changed();
});
events.addEventListener("token", () => {
  connection.locked = "";
  wake();
  changed();
});
document.addEventListener("visibilitychange", () => wake());

export function tryNow() {
  wake();
}

// Waits; a call of the function that it hands to `hold` ends that early.
function pause(seconds, hold) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    hold(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function reached(ok) {
  if (ok !== connection.down) return;
  connection.down = !ok;
  if (!ok) connection.lost = Date.now();
  changed();
}

// The one that looks for the server: `ask` must be cheap.
export async function watch(ask, seconds) {
  let failures = 0;
  for (;;) {
    if (!document.hidden && !connection.locked) {
      try {
        await ask();
        failures = 0;
        reached(true);
      } catch (error) {
        if (error.status === undefined) console.error(error); // a fault of this page
        failures = error.status === 0 ? failures + 1 : 0;
        reached(error.status !== 0);
      }
    }
    const wait = failures ? Math.min(LONGEST_PAUSE, 2 ** (failures - 1)) : seconds;
    connection.retryAt = Date.now() + wait * 1000;
    if (failures) changed();
    await pause(wait, (end) => { wake = end; });
  }
}

// Asks while the server answers, `wanted` says so and the page is looked at. Gives a function that asks at once.
export function poll(ask, seconds, wanted = () => true) {
  let end = () => {};
  (async () => {
    for (;;) {
      if (!document.hidden && !connection.down && !connection.locked && wanted()) {
        try {
          await ask();
        } catch (error) {
          if (error.status === undefined) console.error(error);
        }
      }
      await pause(seconds, (stop) => { end = stop; });
    }
  })();
  return () => end();
}
