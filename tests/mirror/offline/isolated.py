"""Runs a server and then clients of it, in this network namespace, where at most the loopback device is; imports nothing of ours.

Arguments: a file with {"serve": COMMAND, "clients": [COMMAND, ...], "page_url": the URL in the clients' commands}. Prints one JSON
document: whether anything but loopback could be reached, and of each client its command, status and output.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback() -> None:
    """What `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(device, SIOCGIFFLAGS, request), 16)
        if not flags & IFF_UP:
            fcntl.ioctl(device, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def has_network() -> bool:
    """Whether there is a way to an address that is not this machine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return False
        return True


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    raise_loopback()
    found = {"network": has_network(), "clients": []}
    with subprocess.Popen(["sh", "-c", f"exec {asked['serve']} --port=0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        try:
            url = said.split(" on ")[1].strip()
            for command in asked["clients"]:
                line = command.replace(asked["page_url"], url)
                done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
                found["clients"].append([command, done.returncode, done.stdout + done.stderr])
        finally:
            server.terminate()
    print(json.dumps(found))


main()
