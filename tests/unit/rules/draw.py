"""Draw golden scenarios: what was measured, when it was an alarm, and what did not count.

    .venv/bin/python -m tests.unit.rules.draw [CASE ...] [--to FILE]

Without a case all of them, four in a row. An image of what is told, to see whether it is what was meant.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap

import matplotlib as mpl
from tests.unit.rules.stories import CASES, read, rules_of
from tests.unit.rules.told import Chronicle

from barograph.readings import GOOD
from barograph.rules.history import alarms_of
from barograph.windows import microseconds

mpl.use("Agg")
from matplotlib import dates, pyplot

COLOURS = {"warning": "#f2c14e", "minor": "#f29e4e", "major": "#d95f43", "critical": "#9b1d36"}


def draw(case: Path, axes) -> None:
    story = read(case)
    chronicle = Chronicle(rules_of(case, story))
    for readings, horizon in story.batches:
        chronicle.batch(readings, microseconds(horizon))
    end = max(horizon for _, horizon in story.batches)
    series = {}
    for reading in sorted(story.readings):
        if reading.value is not None:
            series.setdefault((reading.device, reading.metric), []).append(reading)
    for (device, metric), readings in series.items():
        times = [datetime.fromtimestamp(each.time / 1e6, UTC) for each in readings]
        values = [each.value for each in readings]
        axes.plot(times, values, ".-", markersize=3, linewidth=0.8, label=f"{device} {metric}")
        bad = [each for each in readings if each.flag != GOOD]
        axes.plot(
            [datetime.fromtimestamp(each.time / 1e6, UTC) for each in bad], [each.value for each in bad], "x",
            color="grey", markersize=5,
        )  # fmt: skip
    keys = sorted({each[:3] for each in chronicle.standing})
    for place, key in enumerate(keys):
        events = [Said(each, facts) for each, facts in chronicle.standing.items() if each[:3] == key]
        for alarm in alarms_of(events):
            y = -0.06 - 0.07 * place
            axes.plot(
                [alarm.opened, alarm.cleared or end], [y, y], color=COLOURS[alarm.severity], linewidth=4,
                solid_capstyle="butt", transform=axes.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip
            axes.text(alarm.cleared or end, y, f" {key[0]} {key[1]}", fontsize=5, va="center",
                      transform=axes.get_xaxis_transform())  # fmt: skip
    for _, horizon in story.batches:
        axes.axvline(horizon, color="black", linewidth=0.4, linestyle=":")
    title = "\n".join(wrap(f"{case.name}: {story.why}", 72))
    axes.set_title(title, fontsize=6.5, loc="left")
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.tick_params(labelsize=5, top=True, labeltop=False, bottom=False, labelbottom=False)
    if len(series) > 1:
        axes.legend(fontsize=5, frameon=False)


class Said:
    """An event, as `alarms_of` asks for it."""

    def __init__(self, told, facts) -> None:
        self.transition, self.time = told.transition, told.time
        self.value, self.severity = facts[1], facts[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--to", type=Path, default=Path("alarms.svg"))
    asked = parser.parse_args()
    cases = [CASES / name for name in asked.cases] or sorted(CASES.iterdir())
    columns = min(4, len(cases))
    rows = -(-len(cases) // columns)
    figure, every = pyplot.subplots(rows, columns, figsize=(4.2 * columns, 2.4 * rows), squeeze=False)
    for axes in every.flat[len(cases) :]:
        axes.set_axis_off()
    for case, axes in zip(cases, every.flat, strict=False):
        draw(case, axes)
    figure.tight_layout(h_pad=2)
    figure.savefig(asked.to, dpi=110)
    sys.stdout.write(f"{asked.to}\n")


if __name__ == "__main__":
    main()
