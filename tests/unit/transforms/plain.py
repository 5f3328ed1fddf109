"""Windows and rollups as a patient person would compute them, from the definitions in docs/windows.md.

Plain Python, loops, exact sums (`math.fsum`): nothing here is shared with the code under test.
"""

import math
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

NAMES = {1: "good", 2: "unknown", 3: "suspect", 4: "fail", 9: "missing"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sliding(times, size, slide):
    """(start, end) -> places of the readings, of all windows that hold one. `size` and `slide` are in seconds."""
    held = defaultdict(list)
    for place, time in enumerate(times):
        end = EPOCH + ((time - EPOCH) // timedelta(seconds=slide) + 1) * timedelta(seconds=slide)
        while end - timedelta(seconds=size) <= time:
            held[end - timedelta(seconds=size), end].append(place)
            end += timedelta(seconds=slide)
    return held


def rolled(times, period, zone):
    here = ZoneInfo(zone)
    held = defaultdict(list)
    for place, time in enumerate(times):
        day = time.astimezone(here).date()
        start, end = (
            datetime(each.year, each.month, each.day, tzinfo=here).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        if period == "minute":
            start = time.replace(second=0, microsecond=0)
            end = start + timedelta(minutes=1)
        if period == "hour":
            start += (time - start) // timedelta(hours=1) * timedelta(hours=1)
            end = min(end, start + timedelta(hours=1))
        held[start, end].append(place)
    return held


def summary(readings, start, end, cadence, entering=(1,), percentiles=False):
    """What is known of (time, value, flag) in order of time."""
    facts = {"count": len(readings), **dict.fromkeys(NAMES.values(), 0)}
    for _, _, flag in readings:
        facts[NAMES[flag]] += 1
    used = [(time, value) for time, value, flag in readings if flag in entering]
    facts["expected"] = (end - start).total_seconds() / cadence
    facts["completeness"] = min(1.0, len(used) / facts["expected"])
    names = (
        "min",
        "max",
        "mean",
        "median",
        "stddev",
        "first",
        "last",
        "slope",
        *(("p05", "p95") if percentiles else ()),
    )
    facts |= dict.fromkeys(names)
    if not used:
        return facts
    values = [value for _, value in used]
    mean = math.fsum(values) / len(values)
    facts |= {
        "min": min(values), "max": max(values), "mean": mean, "median": statistics.median(values),
        "first": values[0], "last": values[-1],
    }  # fmt: skip
    if len(values) > 1:
        facts["stddev"] = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
        hours = [(time - used[0][0]) / timedelta(hours=1) for time, _ in used]
        middle = math.fsum(hours) / len(hours)
        spent = math.fsum((hour - middle) ** 2 for hour in hours)
        rise = math.fsum((hour - middle) * (value - mean) for hour, value in zip(hours, values, strict=True))
        facts |= {"slope": rise / spent, "hours_apart": math.sqrt(spent / len(hours))}
    for name, part in (("p05", 0.05), ("p95", 0.95)) if percentiles else ():
        in_size = sorted(values)
        place = part * (len(values) - 1)
        below = in_size[math.floor(place)]
        facts[name] = below + (place - math.floor(place)) * (in_size[math.ceil(place)] - below)
    return facts


def different(found, expected):
    """What of a row is not as expected: {name: (found, expected)}.

    Counts, extremes, median, first, last, expected and completeness must be equal. A mean may be off by one unit in the
    last place of the largest value; what loses digits by subtraction by a few: percentiles 2, stddev 8, and slope 16,
    divided by the hours that the readings are apart (root mean square).
    """
    largest = max((abs(expected[name]) for name in ("min", "max") if expected[name] is not None), default=0.0)
    ulp = math.ulp(largest)
    allowed = {"mean": ulp, "p05": 2 * ulp, "p95": 2 * ulp, "stddev": 8 * ulp}
    if "hours_apart" in expected:
        allowed["slope"] = 16 * ulp / expected["hours_apart"]
    wrong = {}
    for name in expected.keys() - {"hours_apart"}:
        given, right = found[name], expected[name]
        known = None not in (given, right)
        if given != right and not (known and abs(given - right) <= allowed.get(name, 0)):
            wrong[name] = (given, right)
    return wrong
