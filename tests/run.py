"""All checks in order, cheap ones first, and one summary: what `make test` and CI run.

python tests/run.py                  everything
python tests/run.py unit services    only these layers

What can run side by side does: most of services and e2e is waiting for servers. Each part's output comes as a whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barograph"
BIN = Path(sys.executable).parent
LINT = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
SLOW = ("types",)
"""Of those, what is done beside the first tests."""
LAYERS = {
    # By tests and not by files: the servers are the worker's, and so are their minutes.
    "spark": ["tests/services", "-m", "spark", "-n", "2", "--dist", "worksteal"],
    "services": ["tests/services", "-m", "not spark"],
    "unit": ["tests/unit", "-n", "2", "--dist", "loadfile"],
    "e2e": ["tests/e2e"],
}
CHOICES = {"lint": ["lint"], "unit": ["unit"], "services": ["spark", "services"], "e2e": ["e2e"]}

TOGETHER = [("spark", "services"), ("e2e", "unit")]
"""Who waits for servers beside who computes; a whole stack beside two more Spark servers would be too much."""
EVERY = 60
"""Seconds between two words about what is still running."""

# A half of services of its own beside the other, and none of a `make run`'s.
PORTS = {"services": "24000"}


@dataclass
class Result:
    name: str
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    said: str = ""

    @property
    def good(self) -> bool:
        return self.counts["failed"] == 0 and self.counts["passed"] > 0


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - CHOICES.keys()
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. Choose from: {' '.join(CHOICES)}.")
        return 2
    parts = {part for choice in chosen or CHOICES for part in CHOICES[choice]}
    began = time.monotonic()
    results = []
    with TemporaryDirectory(prefix="barograph-test-") as folder:
        checks = {name: lambda name=name: linted(name) for name in LINT if "lint" in parts}
        slow = {name: checks.pop(name) for name in SLOW if name in checks}
        results += side_by_side(checks)
        for some in TOGETHER:
            chosen_ones = [layer for layer in some if layer in parts]
            layers = {layer: lambda layer=layer: tested(layer, Path(folder)) for layer in chosen_ones}
            results += side_by_side({**slow, **layers})
            slow = {}
    return summary(results, time.monotonic() - began)


def side_by_side(works: dict[str, Callable[[], Result]]) -> list[Result]:
    """Do all at once, and show what each has said when it ends."""
    if works:
        print(f"\n{', '.join(works)} ...", flush=True)
    results = []
    began = time.monotonic()
    with ThreadPoolExecutor(max(1, len(works))) as pool:
        running = {pool.submit(work): name for name, work in works.items()}
        while running:
            done, _ = wait(running, timeout=EVERY, return_when=FIRST_COMPLETED)
            for each in done:
                del running[each]
                result = each.result()
                heading(f"{result.name} ({result.seconds:.0f} s)")
                print(result.said, flush=True)
                results.append(result)
            if not done:
                print(f"{', '.join(running.values())}: {time.monotonic() - began:.0f} s ...", flush=True)
    return sorted(results, key=lambda result: list(works).index(result.name))


def linted(name: str) -> Result:
    command = LINT[name]
    done, seconds = run([str(BIN / command[0]), *command[1:]])
    return Result(name, seconds, Counter(failed=1) if done.returncode else Counter(passed=1), done.stdout)


def tested(layer: str, folder: Path) -> Result:
    report = folder / f"{layer}.xml"
    # Who has servers that wait goes first; the rest takes what they leave.
    polite = ["nice", "-n", "5"] if layer == "unit" else []
    command = [*polite, sys.executable, "-m", "pytest", *LAYERS[layer], f"--junitxml={report}", "-q", "--durations=10"]
    done, seconds = run(command, {"BAROGRAPH_TEST_PORT_BASE": PORTS[layer]} if layer in PORTS else {})
    counts = counted(report)
    if done.returncode and not counts["failed"]:
        counts["failed"] += 1
    return Result(layer, seconds, counts, done.stdout)


def run(command: list[str], more: dict[str, str] | None = None) -> tuple[subprocess.CompletedProcess[str], float]:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**environment(), **(more or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return done, time.monotonic() - started


def counted(report: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            counts.update(failed=failed, skipped=skipped, passed=int(suite.get("tests", 0)) - failed - skipped)
    return counts


def environment() -> dict[str, str]:
    """Our own folders first; whatever a stack running beside this has set stays outside."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW_", "BAROGRAPH_", "STACK_", "PC_")) or name.startswith("BAROGRAPH_TEST_")
    }
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    # Of all checkouts: it goes by what the files say, not by where they lie or how old they are.
    inherited.setdefault("MYPY_CACHE_DIR", str(CACHE / "mypy"))
    return {**inherited, "PATH": f"{BIN}{os.pathsep}{inherited.get('PATH', '')}", "PYTHONPATH": "include:plugins"}


def heading(name: str) -> None:
    print(f"\n== {name} ".ljust(100, "="), flush=True)


def summary(results: list[Result], seconds: float) -> int:
    heading("summary")
    for result in results:
        mark = "ok  " if result.good else "FAIL"
        facts = ", ".join(f"{count} {name}" for name, count in result.counts.items() if count)
        print(f"{mark}  {result.name:<10} {result.seconds:7.1f} s   {facts}")
    total = sum((result.counts for result in results), Counter())
    print(f"{'total':<16} {seconds:7.1f} s")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
