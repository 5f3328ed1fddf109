"""What the page Now costs with a thousand devices: CPU and time of the server for a page, for news, for a look.

    .venv/bin/python benchmarks/pages.py [--devices 1000]

Airflow's login is left out: it is the same for all of its pages.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "include"), str(CHECKOUT / "plugins")]

import tests.unit.airflow.conftest  # noqa: E402, F401  Airflow's environment, before Airflow
from airflow.api_fastapi.app import create_auth_manager  # noqa: E402
from tests.unit.airflow.shops import a_shop  # noqa: E402
from tests.unit.airflow.visitors import visit  # noqa: E402

from barograph.live.now import Snapshot  # noqa: E402
from barograph.settings import load_settings  # noqa: E402
from barograph_airflow.links import device_id  # noqa: E402
from barograph_airflow.ui import live  # noqa: E402
from barograph_airflow.ui.app import create_app  # noqa: E402

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROUNDS = 60
EDITION = re.compile(r"drawn=(\w+)")
PAGES = {
    "not fine": "/now",
    "400 rows": "/now?show=all",
    "news": "/now/news?since={}",
    "plan": "/now/plan/news?since=0&width=1240",
    "plan's news": "/now/plan/news?since={}&drawn={}&width=1240",
    "devices": "/devices",
    "device": f"/devices/{device_id('demo', 'device-00007')}",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--devices", type=int, default=1000)
    devices = arguments.parse_args().devices
    beat, before = [NOON], list(a_shop(devices, NOON).places)

    def look(at: datetime) -> Snapshot:
        """As InfluxDB would tell it: each time a sixth of the devices have spoken again."""
        now = a_shop(devices, at)
        for number, place in enumerate(now.places):
            if number // 2 % 6 == at.second // 5 % 6:
                before[number] = place
        return replace(now, places=tuple(before))

    create_auth_manager().init()
    settings = load_settings(Path(tempfile.mkdtemp()))
    (settings.sites_folder / "demo").mkdir(parents=True)
    (settings.sites_folder / "demo" / "site.yaml").write_text("site: demo\nname: Demo\n")
    watch = live.Watch(look, lambda: beat[0])
    client = visit(create_app(settings, lambda: beat[0], watch), "viewer")
    measured: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    size: dict[str, int] = {}
    drawn = ""
    for _ in range(ROUNDS):
        beat[0] += live.KEPT
        for name, address in PAGES.items():
            seen = watch.now()
            assert seen
            drawn = drawn or EDITION.findall(client.get(PAGES["plan"]).text)[0]
            began, busy = time.perf_counter(), time.process_time()
            answer = client.get(address.format(max(1, seen.number - 1), drawn))
            measured.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
            cpu.setdefault(name, []).append((time.process_time() - busy) * 1e3)
            assert answer.status_code == 200, answer.text
            size[name] = len(answer.content)
    for name, took in measured.items():
        p50, p95 = np.percentile(took, [50, 95])
        times = f"p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   CPU {np.median(cpu[name]):6.1f} ms"
        sys.stdout.write(f"{name:11} {times}   {math.ceil(size[name] / 1000):5} kB\n")


if __name__ == "__main__":
    main()
