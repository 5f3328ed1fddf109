"""All checks in order, cheap ones first, and one summary: what `make test` and CI run.

python tests/run.py                  everything
python tests/run.py unit services    only these layers
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LINT = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
LAYERS = ("unit", "services", "e2e")


@dataclass
class Result:
    name: str
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return self.counts["failed"] == 0 and self.counts["passed"] > 0


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - {"lint", *LAYERS}
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. Choose from: lint {' '.join(LAYERS)}.")
        return 2
    results = []
    with TemporaryDirectory(prefix="barograph-test-") as folder:
        if not chosen or "lint" in chosen:
            results += [linted(name, command) for name, command in LINT.items()]
        for layer in LAYERS:
            if not chosen or layer in chosen:
                results.append(tested(layer, Path(folder) / f"{layer}.xml"))
    return summary(results)


def linted(name: str, command: list[str]) -> Result:
    heading(name)
    started = time.monotonic()
    code = subprocess.run([BIN / command[0], *command[1:]], cwd=CHECKOUT, env=environment()).returncode
    return Result(name, time.monotonic() - started, Counter(failed=1) if code else Counter(passed=1))


def tested(layer: str, report: Path) -> Result:
    heading(layer)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"tests/{layer}", f"--junitxml={report}", "-q", "--durations=5"]
    code = subprocess.run(command, cwd=CHECKOUT, env=environment()).returncode
    counts = counted(report)
    if code and not counts["failed"]:
        counts["failed"] += 1
    return Result(layer, time.monotonic() - started, counts)


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
        if not name.startswith(("AIRFLOW_", "BAROGRAPH_", "STACK_", "PC_")) or name == "BAROGRAPH_TEST_DATA"
    }
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**inherited, "PATH": f"{BIN}{os.pathsep}{inherited.get('PATH', '')}", "PYTHONPATH": "include:plugins"}


def heading(name: str) -> None:
    print(f"\n== {name} ".ljust(100, "="), flush=True)


def summary(results: list[Result]) -> int:
    heading("summary")
    for result in results:
        mark = "ok  " if result.good else "FAIL"
        facts = ", ".join(f"{count} {name}" for name, count in result.counts.items() if count)
        print(f"{mark}  {result.name:<10} {result.seconds:7.1f} s   {facts}")
    total = sum((result.counts for result in results), Counter())
    print(f"{'total':<16} {sum(result.seconds for result in results):7.1f} s")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
