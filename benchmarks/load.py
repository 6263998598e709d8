"""Load on an HTTP address: `wrk` where it is installed, else a client of this file on asyncio.

    python benchmarks/load.py http://127.0.0.1:8000/predict bodies.json --connections 64 --seconds 5

`bodies.json` is a JSON list of request bodies (texts), sent in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
local requests = {}
local i = 0
function init(args)
  for n, body in ipairs(bodies) do requests[n] = wrk.format(nil, nil, nil, body) end
end
function request()
  i = i %% #requests + 1
  return requests[i]
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load: answers a second, latencies in milliseconds, answers that were not 200."""

    requests_per_second: float
    p50: float
    p99: float
    failed: int


def run_load(url: str, bodies: list[str], *, connections: int, seconds: float) -> Load:
    """Send `bodies` in turn over kept connections, each sending its next request when it has its answer."""
    if shutil.which("wrk"):
        return _wrk(url, bodies, connections=connections, seconds=seconds)
    return asyncio.run(_asyncio(url, bodies, connections=connections, seconds=seconds))


def _wrk(url: str, bodies: list[str], *, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "bodies.txt")
        lines.write_text("".join(f"{body}\n" for body in bodies))
        script = Path(folder, "load.lua")
        script.write_text(LUA % lines)
        command = [
            "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "10s",
            "-s", str(script), url,
        ]  # fmt: skip
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if " 0 requests in" in text:
        raise SystemExit(f"{url} answered nothing at {connections} connections:\n{text}")
    failed = sum(int(n) for n in re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", text))
    return Load(
        requests_per_second=float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        p50=_milliseconds(re.search(r"(?m)^ +50% +(\S+)", text)[1]),
        p99=_milliseconds(re.search(r"(?m)^ +99% +(\S+)", text)[1]),
        failed=failed,
    )


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


class _Client(asyncio.Protocol):
    """One kept connection that asks again as soon as it is answered."""

    def __init__(self, requests: list[bytes], start: int, latencies: list[float]) -> None:
        self.requests, self.turn, self.latencies = requests, start, latencies
        self.buffer = b""
        self.failed = 0
        self.stopped = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.turn = (self.turn + 1) % len(self.requests)
        self.asked = time.perf_counter()
        self.transport.write(self.requests[self.turn])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if len(rest) < int(length[1]):
            return
        self.latencies.append((time.perf_counter() - self.asked) * 1e3)
        self.failed += b" 200 " not in head.split(b"\r\n", 1)[0]
        self.buffer = b""
        if self.stopped:
            self.transport.close()
        else:
            self.ask()

    def connection_lost(self, _error) -> None:
        self.failed += not self.stopped


async def _asyncio(url: str, bodies: list[str], *, connections: int, seconds: float) -> Load:
    address = urlsplit(url)
    requests = [
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
        for body in bodies
    ]
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = []
    for n in range(connections):
        _, client = await loop.create_connection(
            lambda n=n: _Client(requests, n, latencies), address.hostname, address.port
        )
        clients.append(client)
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    for client in clients:
        client.stopped = True
    latencies.sort()
    return Load(
        requests_per_second=len(latencies) / elapsed,
        p50=latencies[len(latencies) // 2],
        p99=latencies[int(len(latencies) * 0.99)],
        failed=sum(client.failed for client in clients),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    bodies = json.loads(options.bodies.read_text())
    print(run_load(options.url, bodies, connections=options.connections, seconds=options.seconds))


if __name__ == "__main__":
    main()
