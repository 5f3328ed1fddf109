"""An alarm is a function of the readings: not of batches, order, copies, restarts or the clock."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rules.told import SECOND, Chronicle, at, watches

from barograph.rules.judge import judge
from barograph.rules.readings import Judged
from barograph.rules.state import State, packed, unpacked

RULES = [
    {"rule": "warm", "metric": "temperature", "above": 8, "hold": 60, "clear": 7, "clear_hold": 30,
     "levels": [{"above": 12, "severity": "critical"}]},
    {"rule": "often", "kind": "n_of_m", "metric": "temperature", "above": 8, "least": 2, "of": 4},
    {"rule": "fast", "kind": "rate", "metric": "temperature", "outside": [-3, 3], "over": 90},
    {"rule": "long", "kind": "cumulative", "metric": "temperature", "above": 8, "least": 90, "period": 600},
    {"rule": "mean", "kind": "mkt", "metric": "temperature", "above": 9, "period": 600, "coverage": 0.2},
    {"rule": "unlike", "kind": "deviation", "metric": "temperature", "reference": "neighbours", "outside": [-5, 5],
     "neighbours": 1},
    {"rule": "gone", "kind": "missing", "least": 90, "levels": [{"least": 240, "severity": "critical"}]},
    {"rule": "bad", "kind": "quality", "metric": "temperature", "least": 0.4, "period": 300, "readings": 3},
    {"rule": "error", "kind": "error_code", "metric": "temperature", "codes": [85]},
    {"rule": "graced", "metric": "temperature", "above": 8, "grace": [{"after": "door", "seconds": 120},
                                                                        {"after": "power_on", "seconds": 60}]},
    {"rule": "hourly", "metric": "temperature", "above": 8, "active": ["daily 12:00-13:05"],
     "pauses": ["daily 13:02-13:03"]},
    {"rule": "dated", "metric": "temperature", "above": 8,
     "overrides": [{"since": "2026-11-22T13:04", "until": "2026-11-22T13:06", "above": 20}]},
]  # fmt: skip
"""Every kind, and everything that a rule can say. Noon is 13:00 on the shop's clock."""

MOMENTS = st.integers(0, 40)
READINGS = st.lists(
    st.builds(
        lambda moment, device, metric, value, flag, boot: Judged(
            at(15 * moment), device, metric, value, flag, False, "wall", boot
        ),
        MOMENTS,
        st.sampled_from(["fridge-1", "fridge-2", "sensor9"]),
        st.just("temperature"),
        st.sampled_from([4.0, 7.5, 8.5, 13.0, 85.0]),
        st.sampled_from([1, 1, 1, 4]),
        st.sampled_from(["a", "a", "b"]),
    ),
    max_size=40,
    unique_by=lambda each: (each.time, each.device),
)
DOORS = st.lists(
    st.builds(
        lambda moment, value: Judged(at(15 * moment), "fridge-2", "door", value, 1, False, "wall"),
        MOMENTS,
        st.sampled_from([0.0, 1.0]),
    ),
    max_size=6,
    unique_by=lambda each: each.time,
)
END = at(15 * 40 + 400)


@given(readings=READINGS, doors=DOORS, data=st.data())
def test_any_order_split_and_copy_and_a_restart_at_any_point_give_the_same_alarms(readings, doors, data):
    """Ten runs a minute or one a day, a spool that comes late, Kafka telling it twice: people see the same."""
    whole = readings + doors
    rules = watches(*RULES)
    _, expected = judge(State(), whole, rules, END)
    shuffled = data.draw(st.permutations(whole + whole[: len(whole) // 3]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    horizons = sorted(data.draw(st.lists(st.integers(0, 60), min_size=len(cuts), max_size=len(cuts))))
    restarts = data.draw(st.lists(st.booleans(), min_size=len(cuts) + 1, max_size=len(cuts) + 1))
    unsettled = data.draw(st.lists(st.integers(0, 30), min_size=len(cuts) + 1, max_size=len(cuts) + 1))

    chronicle = Chronicle(rules)
    for start, end, horizon, restart, slots in zip(
        [0, *cuts],
        [*cuts, len(shuffled)],
        [*(at(15 * each) for each in horizons), END],
        restarts,
        unsettled,
        strict=True,
    ):
        chronicle.batch(shuffled[start:end], horizon, restart, horizon - 15 * SECOND * slots)
    chronicle.batch(chronicle.record[:0], END)

    assert sorted((*each.key, each.transition, each.time, each[5:]) for each in expected) == chronicle.told


@given(readings=READINGS)
def test_readings_told_again_change_nothing(readings):
    rules = watches(*RULES)
    state, _ = judge(State(), readings, rules, END)

    assert (state, []) == judge(state, readings, rules, END)


@given(readings=READINGS)
def test_what_is_stored_is_what_was_known(readings):
    state, _ = judge(State(), readings, watches(*RULES), END + SECOND)

    assert state == unpacked(packed(state))


EDITED = [
    {"rule": "x", "kind": "rate", "metric": "temperature", "above": 1},
    {"rule": "x", "kind": "cumulative", "metric": "temperature", "above": 8, "least": 60, "period": 600},
    {"rule": "x", "kind": "mkt", "metric": "temperature", "above": 8, "period": 600, "coverage": 0.1},
    {"rule": "x", "kind": "mkt", "metric": "temperature", "above": 8, "period": 86_400},
    {"rule": "x", "kind": "n_of_m", "metric": "temperature", "above": 8, "least": 2, "of": 3},
    {"rule": "x", "kind": "quality", "metric": "temperature", "least": 0.5, "readings": 2},
    {"rule": "x", "kind": "deviation", "metric": "temperature", "reference": "neighbours", "outside": [-1, 1]},
    {"rule": "x", "kind": "missing", "metric": "temperature", "least": 60},
    {"rule": "x", "metric": "temperature", "above": 8},
]


@given(readings=READINGS, before=st.sampled_from(EDITED), after=st.sampled_from(EDITED))
def test_a_rule_that_becomes_one_of_another_kind_begins_anew(readings, before, after):
    """Somebody edits the file while the shop is open: nothing breaks, and what was remembered misleads nobody."""
    half = sorted(readings)[: len(readings) // 2]
    state, _ = judge(State(), half, watches(before), at(300))

    judge(unpacked(packed(state)), readings, watches(after), END)
