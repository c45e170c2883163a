"""A page in a headless Chromium that is driven through its DevTools protocol, over a pair of pipes."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.interop import browser

_TRAMPOLINE = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
_OPTIONS = [
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_KEYS = {
    "Enter": (13, "\r"),
    "Tab": (9, ""),
    "Escape": (27, ""),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
    "Home": (36, ""),
    "End": (35, ""),
    " ": (32, " "),
}


class NavigatedError(AssertionError):
    """The page went while it was asked something."""


class Page:
    """One page.

    Attributes:
        requests: the addresses of all that it asked for.
        problems: what its console says of errors, uncaught exceptions and refusals of its security policy.
    """

    def __init__(self, profile: Path) -> None:
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._told = threading.Condition()
        self._number = 0
        self._ended = ""
        self._session = ""
        theirs_in, ours_out = _pipe()
        ours_in, theirs_out = _pipe()
        command = [sys.executable, "-c", _TRAMPOLINE, str(theirs_in), str(theirs_out), browser.ensure(), *_OPTIONS]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's sandbox refuses to run as root
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = open(ours_out, "wb", buffering=0)  # noqa: SIM115  closed by `close`
        self._in = open(ours_in, "rb", buffering=0)  # noqa: SIM115
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Inspector"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Ends the browser."""
        self._session = ""
        with contextlib.suppress(OSError):
            self._send("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(20)
        self._out.close()
        self._in.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and returns what it gives."""
        number = self._send(method, **parameters)
        with self._told:
            self._told.wait_for(lambda: number in self._answers or self._ended, 120)
            assert number in self._answers, f"the browser does not answer {method}: {self._ended or 'it is silent'}"
            answer = self._answers.pop(number)
        if "navigated or closed" in answer.get("error", {}).get("message", ""):
            raise NavigatedError(method)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def go(self, url: str) -> None:
        """Opens an address."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it gives."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, (expression, found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 60.0) -> None:
        """Waits until an expression is true; one that fails, since what it looks at is not there yet, is not."""
        deadline = time.monotonic() + seconds
        while not self._holds(expression):
            assert time.monotonic() < deadline, f"{expression} did not come true\n{self.text()}\n{self.problems}"
            time.sleep(0.05)

    def _holds(self, expression: str) -> bool:
        """False also while the page goes and another one comes."""
        try:
            return bool(self.evaluate(f"(() => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }})()"))
        except NavigatedError:
            return False

    def text(self) -> str:
        """All text that is shown."""
        return str(self.evaluate("document.body.innerText"))

    def click(self, selector: str) -> None:
        """Clicks the middle of the first element that matches, as a mouse does."""
        place = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        """Presses keys, each named as in a KeyboardEvent."""
        for key in keys:
            code, text = _KEYS.get(key, (ord(key[0].upper()), key))
            for kind in ("keyDown", "keyUp"):
                given = {"text": text} if text and kind == "keyDown" else {}
                self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **given)

    def type(self, selector: str, text: str) -> None:
        """Replaces the content of a field."""
        self.evaluate(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()")
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Picks an option of a list."""
        self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};"
            " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def size(self, width: int, height: int) -> None:
        """Sets the size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name: str) -> None:
        """Prefers "light" or "dark"."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path: Path) -> None:
        """Writes the whole page as a PNG file."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def _send(self, method: str, **parameters: Any) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        return self._number

    def _read(self) -> None:
        left = b""
        while data := self._in.read(1 << 16):
            *messages, left = (left + data).split(b"\0")
            for message in messages:
                self._take(json.loads(message))
        self._end("it has ended")

    def _end(self, why: str) -> None:
        with self._told:
            self._ended = self._ended or why
            self._told.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            with self._told:
                self._answers[message["id"]] = message
                self._told.notify_all()
            return
        event, about = message["method"], message.get("params", {})
        if event == "Inspector.targetCrashed":
            self._end("the page has crashed")
        elif event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(about["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.problems.append(json.dumps(about["args"]))
        elif event == "Log.entryAdded":
            entry = about["entry"]
            if entry["level"] in ("error", "warning") and entry["source"] != "network":  # an answer that is an error is no fault
                self.problems.append(f"{entry['text']} {entry.get('url', '')}")


@contextlib.contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """A page, with a new profile in a folder of its own."""
    page = Page(profile)
    try:
        yield page
    finally:
        page.close()


def _pipe() -> tuple[int, int]:
    """The ends to read from and to write to, with numbers that do not get in the way of 3 and 4."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
