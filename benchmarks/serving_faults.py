"""A service under constant load while things go wrong: reloads, drains, killed workers, hostile clients, ten minutes of work.

    python benchmarks/serving_faults.py RUN_FOLDER
    python benchmarks/serving_faults.py RUN_FOLDER --only hostile endurance --minutes 10

RUN_FOLDER is a run that `mlcli train` wrote. A good client keeps connections open, asks without pause and counts what fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from mlcli.serving.listen import raise_open_files

BIN = Path(sys.executable).parent


@dataclass
class Good:
    """A client that behaves: its answers, its failures, its latencies in milliseconds."""

    port: int
    body: bytes
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refused: int = 0
    stopped: bool = False

    async def run(self, connections: int, *, pause: float = 0.0) -> None:
        await asyncio.gather(*(self._keep_asking(pause) for _ in range(connections)))

    async def _keep_asking(self, pause: float) -> None:
        request = (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        ).encode() + self.body
        while not self.stopped:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.refused += 1  # no service is listening: a balancer has long stopped asking here
                await asyncio.sleep(0.02)
                continue
            try:
                while not self.stopped:
                    asked = time.perf_counter()
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)[1])
                    await reader.readexactly(length)
                    if b" 200 " not in head[:20]:
                        self.failures.append(head[:20].decode())
                    self.latencies.append((time.perf_counter() - asked) * 1e3)
                    if b"connection: close" in head.lower():
                        break
                    if pause:
                        await asyncio.sleep(pause)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(type(error).__name__)
            finally:
                writer.close()

    def p99(self) -> float:
        ordered = sorted(self.latencies)
        return ordered[int(len(ordered) * 0.99)]


class Server:
    """`mlcli serve` of a folder of runs."""

    def __init__(self, config: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config, self.options = config, options

    def start(self) -> Server:
        command = [BIN / "mlcli", "serve", "--config", self.config, "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not self.ready():
            if self.process.poll() is not None:
                raise SystemExit("the service did not start")
            time.sleep(0.02)
        return self

    def ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def memory(self) -> float:
        """Return the resident MB of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def example_body(port: int) -> bytes:
    """Return a request made from the example that the service's own description gives."""
    with urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=10) as answer:
        document = json.loads(answer.read())
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    examples = content.get("examples") or {"one": {"value": content["example"]}}
    return json.dumps(next(iter(examples.values()))["value"]).encode()


def served_version(port: int, name: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}/v2/models/{name}", timeout=5) as answer:
        return json.loads(answer.read())["versions"][-1]


async def reloads(folder: Path, config: Path, times: int = 20) -> str:
    server = Server(config).start()
    good = Good(server.port, example_body(server.port))
    load = asyncio.create_task(good.run(16))
    runs = folder / "runs"
    for n in range(times):
        shutil.copytree(runs / "001", runs / f".new{n}")
        (runs / f".new{n}").rename(runs / f"{n + 2:03}")
        server.process.send_signal(signal.SIGHUP)
        await asyncio.sleep(1.0)
    version = await asyncio.to_thread(served_version, server.port, config.stem)
    good.stopped = True
    await load
    code = server.stop()
    return f"{times} reloads (version {version} answers at the end) | {len(good.latencies):,} | {len(good.failures)} | exit {code}"


async def drains(folder: Path, config: Path, times: int = 5) -> str:  # noqa: ARG001 - every scenario is called alike
    answers, failures, codes = 0, [], []
    for _ in range(times):
        server = Server(config, "--set", "serve.drain_delay=1").start()
        good = Good(server.port, example_body(server.port))
        load = asyncio.create_task(good.run(16))
        await asyncio.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        codes.append(await asyncio.to_thread(server.process.wait, 30))
        good.stopped = True
        await load
        answers += len(good.latencies)
        failures += good.failures
    return f"{times} SIGTERM drains | {answers:,} | {len(failures)} | exits {sorted(set(codes))}"


async def kills(folder: Path, config: Path, times: int = 20) -> str:  # noqa: ARG001 - every scenario is called alike
    server = Server(config, "--workers", "2").start()
    good = Good(server.port, example_body(server.port))
    load = asyncio.create_task(good.run(16))
    rng = random.Random(0)
    most = 0
    for _ in range(times):
        await asyncio.sleep(1.5)
        before = len(good.failures)
        os.kill(rng.choice(server.workers()), signal.SIGKILL)
        await asyncio.sleep(0.5)
        most = max(most, len(good.failures) - before)
    await asyncio.sleep(1)
    good.stopped = True
    await load
    code = server.stop()
    note = f"at most {most} of 16 connections a kill, {good.refused} refused, exit {code}"
    return f"{times} kills of one of 2 workers | {len(good.latencies):,} | {len(good.failures)} | {note}"


async def hostile(folder: Path, config: Path, seconds: float = 8) -> str:  # noqa: ARG001 - every scenario is called alike
    rows = [await _attacked(config, [kind], kind, seconds=seconds) for kind in ATTACKS]
    return " |\n| ".join([*rows, await _attacked(config, list(ATTACKS), "all of these at once", seconds=seconds)])


async def _attacked(config: Path, kinds: list[str], name: str, *, seconds: float) -> str:
    """Return the latencies of a good client with a service of its own, quiet and under attack."""
    server = Server(config).start()
    body = example_body(server.port)
    quiet, good = Good(server.port, body), Good(server.port, body)
    await asyncio.gather(quiet.run(4, pause=0.002), _stop_after(quiet, seconds / 2))
    load = asyncio.create_task(good.run(4, pause=0.002))
    # Another process, and a patient one: a real attacker does not share the good client's processor.
    attack = ["nice", "-n", "19", sys.executable, __file__, "attack", str(server.port), str(seconds), *kinds]
    attacker = await asyncio.create_subprocess_exec(*attack)
    await attacker.wait()
    good.stopped = True
    await load
    memory = server.memory()
    code = server.stop()
    note = f"p99 {quiet.p99():.2f} ms quiet, {good.p99():.2f} ms attacked ({good.p99() / quiet.p99():.1f} times), {memory:.0f} MB, exit {code}"
    return f"hostile: {name} | {len(good.latencies):,} | {len(good.failures)} | {note}"


async def _stop_after(good: Good, seconds: float) -> None:
    await asyncio.sleep(seconds)
    good.stopped = True


def _post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = ["POST /predict HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body) if length is None else length}", "", ""]).encode() + body


ATTACKS = {
    "slow head": (b"POST /predict HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", 0.5, 50),
    "slow body": (_post(b"", length=100_000), b" ", 0.5, 50),
    "1 GB body": (_post(b"", length=10**9), b" " * 65536, 0.0, 2),
    "chunked without end": (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + b" " * 65536 + b"\r\n",
        0.0,
        2,
    ),
    "gzip bomb": (_post(gzip.compress(b" " * 10**9, 9), "Content-Encoding: gzip"), b"", 0.5, 2),
    "deep JSON": (_post(b"[" * 200_000), b"", 0.2, 2),
    "a million columns": (
        _post(b'{"rows":[{' + b",".join(b'"c%d":1' % n for n in range(10**6)) + b"}]}"),
        b"",
        0.5,
        1,
    ),
    "5,000 idle": (b"", b"", 1.0, 5_000),
}
"""What is sent first, what is sent again and again, seconds between, and how many connections do it."""


async def _attack(kind: str, port: int, seconds: float) -> None:
    first, again, pause, connections = ATTACKS[kind]
    deadline = time.perf_counter() + seconds
    await asyncio.gather(*(_hostile_connection(port, first, again, pause, deadline) for _ in range(connections)))


async def _hostile_connection(port: int, first: bytes, again: bytes, pause: float, deadline: float) -> None:
    while time.perf_counter() < deadline:
        writer = None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            await writer.drain()
            while time.perf_counter() < deadline and not writer.is_closing():
                if again:
                    writer.write(again)
                    await writer.drain()
                await asyncio.sleep(pause)
                if first and not again:
                    break
        except OSError:
            await asyncio.sleep(0.2)  # thrown out: a hostile client comes back
        finally:
            if writer is not None:
                writer.close()


async def endurance(folder: Path, config: Path, seconds: float = 600) -> str:  # noqa: ARG001 - every scenario is called alike
    server = Server(config).start()
    good = Good(server.port, example_body(server.port))
    load = asyncio.create_task(good.run(16))
    samples, answers = [], 0
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        await asyncio.sleep(seconds / 20)
        samples.append(server.memory())
        # Counted and let go: the client must not grow beside the service.
        answers += len(good.latencies)
        good.latencies.clear()
    good.stopped = True
    await load
    code = server.stop()
    note = f"MB resident: {samples[0]:.1f} after a twentieth, {samples[len(samples) // 2]:.1f} half way, {samples[-1]:.1f} at the end, exit {code}"
    return f"{seconds / 60:g} minutes of load | {answers:,} | {len(good.failures)} | {note}"


SCENARIOS = {"reloads": reloads, "drains": drains, "kills": kills, "hostile": hostile, "endurance": endurance}


async def attack(port: int, seconds: float, kinds: list[str]) -> None:
    await asyncio.gather(*(_attack(kind, port, seconds) for kind in kinds))


def main() -> None:
    raise_open_files()
    if sys.argv[1:2] == ["attack"]:
        asyncio.run(attack(int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "runs").mkdir()
        shutil.copytree(options.run, folder / "runs" / "001")
        text = (options.run / "config.yaml").read_text(encoding="utf-8")
        config = folder / f"{re.search(r'(?m)^name: *(.+)$', text)[1].strip()}.yaml"
        config.write_text(re.sub(r"(?m)^output:.*\n", "", text) + "\noutput: runs\n", encoding="utf-8")
        print("| what happens | answers | failed | |\n|---|---:|---:|---|")
        for scenario in options.only:
            arguments = {"seconds": options.minutes * 60} if scenario == "endurance" else {}
            print(f"| {asyncio.run(SCENARIOS[scenario](folder, config, **arguments))} |", flush=True)


if __name__ == "__main__":
    main()
