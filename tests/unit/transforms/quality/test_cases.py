"""What each test of quality sees and what it leaves alone, drawn: one line said, one line flags. See drawn.py."""

import pytest
from tests.unit.transforms.quality.drawn import judged, marks, places, reasons, series, shaken

CALM = " ".join(["4.0 4.1"] * 8)

CASES = {
    "a spike stands alone": {
        "said": "4.0 4.1 4.0  14.5 4.1 4.0 4.1",
        "flags": " .   .   .    F   .   .   .",
        "why": ["spike"],
    },
    "a small spike is only suspect": {
        "said": "4.0 4.1 4.0  8.0 4.1 4.0 4.1",
        "flags": " .   .   .   s   .   .   .",
        "why": ["spike"],
    },
    "a spike goes down too": {
        "said": "4.0 4.1 4.0 -9.5 4.1 4.0 4.1",
        "flags": " .   .   .   F   .   .   .",
        "why": ["spike"],
    },
    "an open door is no spike: warm air stays for some readings": {
        "said": "4.0 4.1 5.4 6.2 6.3 5.9 5.5 5.2 4.9 4.6 4.4",
        "flags": " .   .   .   .   .   .   .   .   .   .   .",
        "why": [],
    },
    "a step is no spike, but too fast: the sensor is not trusted for three minutes after": {
        "said": "4.0 4.1 4.0 12 12 12 12 12 12 12 12 12",
        "flags": " .   .   .  s  s  s  s  s  s  s  s  .",
        "why": ["recovering", "too_fast"],
    },
    "who knows that things are fast there says so": {
        "said": "4.0 4.1 4.0 12 12 12 12 12 12 12 12 12",
        "flags": " .   .   .  s  s  .  .  .  .  .  .  .",
        "why": ["too_fast"],
        "point": {"recovery": False},
    },
    "two wrong values in a row are no spike by default": {
        "said": "4.0 4.1 4.0 14.0 14.1 4.1 4.0 4.1",
        "flags": " .   .   .   s   s    s   s   s",
        "why": ["recovering", "too_fast"],
    },
    "two wrong values in a row are a spike for who says that they can be": {
        "said": "4.0 4.1 4.0 14.2 14.3 4.1 4.0 4.1",
        "flags": " .   .   .   F   F    .   .   .",
        "why": ["spike"],
        "point": {"spike": {"readings": 2}},
    },
    "by the average a spike of 8 is one of 8, and its neighbours stand out by 4": {
        "said": "4.0 4.0 4.0 12.0 4.0 4.0 4.0",
        "flags": " .   .   s   s    s   .   .",
        "why": ["spike"],
        "point": {"spike": {"method": "average"}},
    },
    "with readings minutes apart a lone value may be true: the door was open for a minute": {
        "said": "4.0 4.1 4.0 14.5 4.1 4.0 4.1",
        "flags": " .   .   .   .   .   .   .",
        "why": [],
        "every": 300,
    },
    "a first value may be the outlier": {
        "said": "-31.0 21.0 21.1 21.0 21.1",
        "flags": " F     .   .    .    . ",
        "why": ["spike"],
    },
    "a first value after a silence may be the outlier": {
        "said": "4.0 4.1 4.0" + " _" * 40 + " -31.0 4.0 4.1 4.0",
        "flags": " .  .   .                     F    .   .   .",
        "why": ["after_gap", "spike"],
    },
    "a first value that the next ones leave, each further, is on its way": {
        "said": "4.0 7.2 9.0 9.9",
        "flags": " .   .   .   .",
        "why": [],
    },
    "a step of the sensor is no speed, however close the readings": {
        "said": "50 51 50 51 50 52 51 50",
        "flags": ". .  .  .  .  .  .  . ",
        "why": [],
        "metric": "humidity",
        "every": 1,
    },
    "a quick oven says so": {
        "said": "20 40 60 80 100 120 140 160",
        "flags": ". .  .  .  .   .   .   . ",
        "why": [],
        "point": {"rate": 50, "valid_max": 400, "expected_max": 300, "spike": False},
    },
    "a sensor that can be finer says the same for 40 minutes: stuck": {
        "said": ["21.37"] * 90,
        "flags": "." * 80 + "s" * 10,
        "why": ["stuck"],
    },
    "a sensor of a tenth of a degree may be constant for hours": {
        "said": ["21.3"] * 200,
        "flags": "." * 200,
        "why": [],
    },
    "the coarse sensor is stuck for who says that the place never rests so long": {
        "said": ["4.0"] * 130,
        "flags": "." * 120 + "s" * 10,
        "why": ["stuck"],
        "point": {"flat": {"seconds": 3600}},
    },
    "a stuck sensor may flicker by what was said of it": {
        "said": ["4.0", "4.1"] * 50,
        "flags": "." * 80 + "s" * 20,
        "why": ["stuck"],
        "point": {"flat": {"seconds": 2400, "tolerance": 0.1}},
    },
    "a sensor that moves a little is alive": {
        "said": ["21.37", "21.38", "21.37"] * 40,
        "flags": "." * 120,
        "why": [],
    },
    "full is full: what stands at the end of its range is not stuck": {
        "said": ["99.99"] * 50 + ["100"] * 120,
        "flags": "." * 170,
        "why": [],
        "metric": "humidity",
    },
    "no working sensor reports it": {
        "said": "4.0 500 4.1 -200 4.0",
        "flags": " .   F   .   F   .",
        "why": ["out_of_range"],
    },
    "nobody expects it there": {
        "said": "4.0 4.1 4.6 5.0 5.3",
        "flags": " .   .  .   s   s ",
        "why": ["unexpected"],
        "point": {"expected_min": -5, "expected_max": 4.9},
    },
    "the sensor says that it failed": {
        "said": "4.0 85 4.1 4.0 84.9",
        "flags": " .  F  .   .   s ",
        "why": ["error_code", "too_fast", "unexpected"],
        "point": {"error_codes": [85]},
    },
    "what failed is compared with nothing": {
        "said": "4.0 -127 4.1 4.0",
        "flags": " .   F   .   .",
        "why": ["error_code", "out_of_range"],
    },
    "no value is missing, whatever else": {
        "said": "4.0 - 4.1 - -",
        "flags": " .  m  .  m m",
        "why": ["no_value"],
    },
    "after a silence the next reading says so, and is good": {
        "said": "4.0 4.1" + " _" * 30 + " 4.0 4.1",
        "flags": " .  .                   .   .",
        "why": ["after_gap"],
    },
    "a point of which nothing is asked is good": {
        "said": "4.0 400 4.1 -1e9",
        "flags": " .   .  .   .",
        "why": [],
        "metric": "weight",
    },
    "a test that could not be made leaves the reading unknown if there is no other": {
        "said": "4.0 4.1 4.0" + " _" * 30 + " 4.0 4.1",
        "flags": " ?   .  .                    ?   .",
        "why": ["after_gap"],
        "metric": "weight",
        "point": {"rate": 3},
    },
    "off is off": {
        "said": "4.0 4.1 4.0 14.5 4.1 4.0 4.1",
        "flags": " .   .   .   .   .   .   .",
        "why": [],
        "point": {"spike": False, "rate": False, "gap": False, "flat": False},
    },
}


@pytest.mark.parametrize("name", CASES)
def test_a_drawn_series_has_the_flags_under_it(name):
    """In any order of the rows."""
    case = CASES[name]
    metric, every = case.get("metric", "temperature"), case.get("every", 30)
    where = places(metric, every, case.get("point"))
    rows = series(case["said"], every, metric=metric)

    found = judged(shaken(rows), where)

    why = [reason for reason in reasons(found) if reason != "after_gap" or "_" in case["said"]]
    assert (case["flags"].replace(" ", ""), case["why"]) == (marks(found), why)
