"""What the collector costs and how long it takes: real ptys, the real process, a Kafka of its own.

python benchmarks/collector.py saturate [--ports 64] [--seconds 600]   all ports at 115200 baud: is each byte accepted?
python benchmarks/collector.py idle [--ports 30] [--seconds 60]        a frame a second each
python benchmarks/collector.py ratio [--ports 64] [--seconds 20]       against bare os.read and pyserial's readline
python benchmarks/collector.py latency [--seconds 30]                  from the last byte to Kafka's acknowledgement
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

import serial  # noqa: E402
from boards import BAUD, FORMAT, SIZE, WIRE, Boards, Said  # noqa: E402

from barograph import collector, kafka, logs  # noqa: E402
from barograph.collector import service  # noqa: E402
from barograph.kafka import Delivery, Message  # noqa: E402
from barograph.readings import decoded  # noqa: E402
from barograph.settings import CollectorSettings, Settings  # noqa: E402
from barograph.stack import secrets, services  # noqa: E402

PORT_BASE = 25_000
CORE, OTHERS = 0, (os.cpu_count() or 1) - 1
"""The collector has a core alone; boards and Kafka share another, where there is one."""
LINGER = 0.02
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def stack(ports: int) -> Iterator[tuple[Settings, Boards]]:
    """A data folder with so many boards, and a Kafka."""
    home = Path(tempfile.mkdtemp(prefix="barograph-bench-"))
    os.sched_setaffinity(0, {OTHERS})
    for name in [name for name in os.environ if name.startswith("BAROGRAPH_")]:
        del os.environ[name]
    settings = Settings(home=home, port_base=PORT_BASE, collector=CollectorSettings(spool_megabytes=4096))
    names = [f"p{number:02d}" for number in range(ports)]
    _site(settings.sites_folder / "bench", names)
    boards = Boards(home / "run" / "ports", names, OTHERS)
    secrets.generate(settings)
    try:
        services.up(settings, only=["kafka"])
        kafka.create_topics(settings)
        yield settings, boards
    finally:
        boards.close()
        services.down(settings)
        shutil.rmtree(home)


def _site(folder: Path, names: Sequence[str]) -> None:
    (folder / "formats").mkdir(parents=True)
    (folder / "formats" / "board.yaml").write_text(FORMAT)
    ports = [
        {"port": name, "url": f"run/ports/{name}", "format": "board", "baud": BAUD, "device": f"board-{name}"}
        for name in names
    ]
    devices = [{"device": f"board-{name}", "zone": "bench", "cadence": 60} for name in names]
    site = {"site": "bench", "name": "Bench", "ports": ports, "devices": devices}
    (folder / "site.yaml").write_text(json.dumps(site))


class Collecting:
    """`barograph collect`, a process with a core of its own, and what it has used of that."""

    def __enter__(self) -> Collecting:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        environment = os.environ | {
            "BAROGRAPH_HOME": str(settings.home),
            "BAROGRAPH_PORT_BASE": str(settings.port_base),
            "BAROGRAPH_COLLECTOR__SPOOL_MEGABYTES": str(settings.collector.spool_megabytes),
        }
        self._log = settings.path("collector.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "barograph.cli", "collect"], env=environment, stdout=log, stderr=log
            )
        _pin(self._process.pid)
        _until(lambda: (now := self.status()) and now.broker_up and _connected(now))
        _pin(self._process.pid)

    def status(self) -> Any:
        return collector.status(self._settings)

    @property
    def cpu(self) -> float:
        return _cpu(self._process.pid)

    @property
    def memory(self) -> float:
        """Megabytes at most."""
        told = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(told.split("VmHWM:")[1].split()[0]) / 1024

    def has_all(self, said: Said) -> bool:
        """Whether everything was taken, spooled and acknowledged, as far as it was going to be."""
        now = self.status()
        accepted = sum(port.bytes for port in now.ports.values())
        return accepted >= said.sent and now.spool_depth == 0


def _pin(pid: int) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {CORE})


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _until(true: Callable[[], object], within: float = 60.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.1)
    return bool(true())


def saturate(ports: int, seconds: float) -> Iterator[str]:
    with stack(ports) as (settings, boards), Collecting(settings) as collecting:
        before = collecting.cpu
        boards.say(seconds)
        deepest, said = 0, None
        while said is None:
            said = boards.said(timeout=0.5)
            deepest = max(deepest, collecting.status().spool_depth)
        saying = collecting.cpu - before
        _until(lambda: collecting.has_all(said), within=300)
        spent, status = collecting.cpu - before, collecting.status()
        accepted = sum(port.bytes for port in status.ports.values())
        frames = sum(port.frames for port in status.ports.values())
        rejects = sum(sum(port.rejects.values()) for port in status.ports.values())
        sent = said.sent // SIZE
        yield f"{ports} ports at {BAUD} baud, frames of {SIZE} bytes, {said.seconds:.1f} s: {sent / said.seconds:.0f}/s"
        yield f"bytes   accepted {accepted} / sent {said.sent} = {accepted / said.sent:.6f}"
        yield f"frames  read {frames} / sent {sent} = {frames / sent:.6f}; rejected {rejects}; lost {status.spool_lost}"
        yield f"Kafka   acknowledged {status.published} / sent {sent} = {status.published / sent:.6f}"
        yield f"ports   at most {said.waited} bytes of one found no room ({said.waited / WIRE:.2f} s of its wire)"
        yield f"spool   at most {deepest} frames waited ({deepest / sent * said.seconds:.2f} s)"
        yield f"CPU     {100 * saying / said.seconds:.1f} % of a core; {spent / frames * 1e5:.2f} s per 100k frames"
        yield f"memory  {collecting.memory:.0f} MB at most"


def idle(ports: int, seconds: float) -> Iterator[str]:
    with stack(ports) as (settings, boards), Collecting(settings) as collecting:
        time.sleep(5)
        before = collecting.cpu
        boards.say(seconds, streaming=0)
        said = boards.said()
        share = 100 * (collecting.cpu - before) / said.seconds
        _until(lambda: collecting.has_all(said))
        frames = collecting.status().published
        yield f"{ports} ports, a frame a second each, {said.seconds:.0f} s: {frames} frames, {share:.2f} % of a core"


def ratio(ports: int, seconds: float) -> Iterator[str]:
    yield f"{'':<34}{'frames/s':>10}{'CPU of 100k':>14}{'':>8}"
    with stack(ports) as (settings, boards):
        folder = settings.path("run", "ports")
        links = sorted(folder.iterdir())
        cost = {}
        for name, way in (("os.read, and nothing else", bare), ("pyserial readline, a thread a port", readline)):
            context = multiprocessing.get_context("spawn")
            pipe, far = context.Pipe()
            process = context.Process(target=way, args=(links, seconds, far))
            process.start()
            pipe.recv()
            boards.say(seconds)
            frames, cpu = pipe.recv()
            process.join()
            _drain(links, boards)
            cost[name] = (frames / seconds, cpu / frames * 1e5)
        with Collecting(settings) as collecting:
            before = collecting.cpu
            boards.say(seconds)
            said = boards.said()
            _until(lambda: collecting.has_all(said))
            frames = collecting.status().published
            cost["collector, acknowledged by Kafka"] = (frames / said.seconds, (collecting.cpu - before) / frames * 1e5)
    least = cost["os.read, and nothing else"][1]
    for name, (rate, cpu) in cost.items():
        yield f"{name:<34}{rate:>10.0f}{cpu:>12.3f} s{cpu / least:>7.1f}x"


def bare(links: Sequence[Path], seconds: float, pipe: Any) -> None:
    """The least that reading can cost: one loop, and chunks as they come."""
    os.sched_setaffinity(0, {CORE})
    selector = selectors.DefaultSelector()
    for link in links:
        selector.register(os.open(link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), selectors.EVENT_READ)
    pipe.send("ready")
    got, begun = 0, time.process_time()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in selector.select(0.1):
            got += len(os.read(key.fd, 65536))
    pipe.send((got // SIZE, time.process_time() - begun))


def readline(links: Sequence[Path], seconds: float, pipe: Any) -> None:
    """As most scripts do it."""
    os.sched_setaffinity(0, {CORE})
    ports = [serial.Serial(str(link), BAUD, timeout=0.5) for link in links]
    counts = [0] * len(ports)
    until = time.monotonic() + seconds

    def read(number: int, port: Any) -> None:
        while time.monotonic() < until:
            counts[number] += port.readline().endswith(b"\n")

    threads = [threading.Thread(target=read, args=each) for each in enumerate(ports)]
    pipe.send("ready")
    begun = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send((sum(counts), time.process_time() - begun))


def _drain(links: Sequence[Path], boards: Boards) -> None:
    """What the last way did not take."""
    ports = [os.open(link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) for link in links]
    over = False
    while not over:
        over = boards.said(timeout=0.01) is not None
        for port in ports:
            with suppress(BlockingIOError):
                while os.read(port, 65536):
                    pass
    for port in ports:
        os.close(port)


def latency(ports: int, seconds: float) -> Iterator[str]:
    wire = SIZE / WIRE
    for streaming in (0, ports - 1):
        with stack(ports) as (settings, boards):
            context = multiprocessing.get_context("spawn")
            pipe, far = context.Pipe()
            process = context.Process(target=watched, args=(settings.model_dump_json(), f"board-p{ports - 1:02d}", far))
            process.start()
            _until(lambda: (now := collector.status(settings)) and now.broker_up and _connected(now))
            time.sleep(2)
            boards.say(seconds, streaming=streaming, every=0.25 if streaming else 2.0)
            said = boards.said()
            time.sleep(2)
            pipe.send("stop")
            arrived: list[float] = pipe.recv()
            process.join()
        took = sorted(there - at for at, there in zip(said.times, arrived, strict=True))
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        yield (
            f"{streaming:>3} ports saturated, {len(took)} frames of another: p50 {1e3 * p50:.1f} ms, "
            f"p99 {1e3 * p99:.1f} ms; wire {1e3 * wire:.1f} + linger {1e3 * LINGER:.0f} ms: "
            f"{(p50 + wire) / (wire + LINGER):.2f}x, {(p99 + wire) / (wire + LINGER):.2f}x"
        )


def _connected(status: Any) -> bool:
    return all(port.connected for port in status.ports.values())


def watched(told: str, device: str, pipe: Any) -> None:
    """The collector, with a look at when which frames of one device are acknowledged."""
    os.sched_setaffinity(0, {CORE})
    logs.configure()
    settings = Settings.model_validate_json(told)
    arrived: list[float] = []

    class Watched(kafka.Producer):
        def deliver(self, messages: Sequence[Message], timeout: float = 15.0) -> list[Delivery]:
            outcomes = super().deliver(messages, timeout)
            now = time.monotonic()
            arrived.extend(now for message in messages if message.key == device for _ in decoded(message.value))
            return outcomes

    stop = threading.Event()
    thread = threading.Thread(target=lambda: (pipe.recv(), stop.set()), daemon=True)
    thread.start()
    service.collect(settings, stop, connect=lambda: Watched(settings))
    pipe.send(arrived)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("saturate", "idle", "ratio", "latency"))
    parser.add_argument("--ports", type=int)
    parser.add_argument("--seconds", type=float)
    chosen = parser.parse_args()
    # Whoever stops us would otherwise leave Kafka behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ways: dict[str, tuple[Callable[[int, float], Iterator[str]], int, float]] = {
        "saturate": (saturate, 64, 600),
        "idle": (idle, 30, 60),
        "ratio": (ratio, 64, 20),
        "latency": (latency, 64, 30),
    }
    way, ports, seconds = ways[chosen.what]
    for line in way(chosen.ports or ports, chosen.seconds or seconds):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
