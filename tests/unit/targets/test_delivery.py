"""What lies between a position and the newest batch is delivered in order, and nothing is passed over."""

import pytest
from tests.unit.targets.courses import NOON, Contents, Memory, Sink, a_day, a_target, an_alarm, resettled

from barograph.errors import JobFailed, SettingsError, TargetError, TargetRefused
from barograph.settings import Settings
from barograph.state.targets import Position
from barograph.targets import delivery
from barograph.targets import distribute as run


def distribute(tmp_path, positions, sinks, *targets, contents=None, days=None, **options):
    def open_(settings, target):
        sink = sinks[target.name]
        if isinstance(sink, Exception):
            raise sink
        return sink

    targets = targets or (a_target(begin="first"),)
    return run(
        Settings(home=tmp_path), positions, targets, contents or Contents(), days or a_day(), open_=open_, **options
    )


def names(*batches, part="00"):
    return [f"readings/{batch:012d}-20261122T12{batch:02d}{part}.000000Z" for batch in batches]


def test_batches_are_delivered_once_and_in_order(tmp_path):
    positions, sink = Memory(batches=3), Sink()

    for _ in range(2):
        [told] = distribute(tmp_path, positions, {"lake": sink})

    assert names(1, 2, 3) == sink.taken
    assert (0, True) == (told.batches_behind, told.well)


def test_a_new_target_gets_what_comes_from_now_on(tmp_path):
    """A year of history is nothing that anybody expects of a new line in the settings."""
    positions, sink = Memory(batches=3, alarms=[an_alarm(7)]), Sink()
    target = a_target(what=("readings", "alarms"))
    distribute(tmp_path, positions, {"lake": sink}, target)
    positions.finished = Memory(batches=4).finished
    positions.alarms.append(an_alarm(9))

    distribute(tmp_path, positions, {"lake": sink}, target)

    assert ["alarms/000000000008", *names(4)] == sink.taken


def test_a_run_takes_so_many_batches_and_the_next_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "BATCHES", 2)
    positions, sink = Memory(batches=3), Sink()

    [told] = distribute(tmp_path, positions, {"lake": sink})
    assert (names(1, 2), 1) == (sink.taken, told.batches_behind)

    distribute(tmp_path, positions, {"lake": sink})
    assert names(1, 2, 3) == sink.taken


def test_a_target_that_is_down_is_caught_up_and_the_others_do_not_wait(tmp_path):
    positions, lake = Memory(batches=2), Sink()
    both = [a_target(name, begin="first") for name in ("hook", "lake")]
    told, _ = distribute(tmp_path, positions, {"hook": TargetError("nobody answers"), "lake": lake}, *both)
    assert (2, "nobody answers", False) == (told.batches_behind, told.error, told.stopped)
    assert names(1, 2) == lake.taken

    hook = Sink()
    told, _ = distribute(tmp_path, positions, {"hook": hook, "lake": lake}, *both)

    assert names(1, 2) == hook.taken == lake.taken
    assert (0, None) == (told.batches_behind, told.error)


def test_who_catches_up_does_not_keep_the_others_waiting(tmp_path, monkeypatch):
    """After a week away there is an hour's work to do, and an alarm table that is a minute old is wanted now."""
    monkeypatch.setattr(delivery, "SECONDS", -1.0)
    positions, sinks = Memory(batches=3), {"hook": Sink(), "lake": Sink()}
    positions.places = {"hook": Position("hook", 0), "lake": Position("lake", 2)}

    distribute(tmp_path, positions, sinks, a_target("hook"), a_target("lake"))

    assert (names(1), names(3)) == (sinks["hook"].taken, sinks["lake"].taken)


def test_a_run_without_time_delivers_a_stretch_and_goes_on_behind_it(tmp_path, monkeypatch):
    """Else a batch that is larger than a run would be tried for ever."""
    monkeypatch.setattr(delivery, "SECONDS", -1.0)
    positions, sink, contents = Memory(batches=2), Sink(), Contents(parts=2)
    expected = [name for batch in (1, 2) for part in ("00", "30") for name in names(batch, part=part)]

    for done in range(1, 5):
        distribute(tmp_path, positions, {"lake": sink}, contents=contents)
        assert expected[:done] == sink.taken


def test_nothing_overtakes_what_a_target_did_not_take(tmp_path):
    positions, sink = Memory(batches=3), Sink()
    [second] = names(2)
    sink.answers[second] = TargetError("busy")
    distribute(tmp_path, positions, {"lake": sink})
    assert names(1) == sink.taken

    sink.answers.clear()
    distribute(tmp_path, positions, {"lake": sink})

    assert names(1, 2, 3) == sink.taken


def test_a_batch_is_made_out_once_for_all_and_not_at_all_for_who_is_down(tmp_path):
    """It is Spark's work, and the greatest part of what a target costs."""
    both, contents = [a_target(name, begin="first") for name in ("hook", "lake")], Contents()
    distribute(tmp_path, Memory(batches=2), {"hook": Sink(), "lake": Sink()}, *both, contents=contents)
    assert [1, 2] == contents.made_out

    distribute(tmp_path, Memory(batches=2), dict.fromkeys(("hook", "lake"), TargetError("gone")), *both)

    assert [1, 2] == contents.made_out


def test_a_refusal_stops_the_target_until_a_person_has_looked(tmp_path):
    """What it will never take must not be passed over, nor asked again every minute."""
    positions, sink = Memory(batches=2), Sink()
    sink.answers[names(1)[0]] = TargetRefused("400: no such column")
    [told] = distribute(tmp_path, positions, {"lake": sink})
    assert (True, 2) == (told.stopped, told.batches_behind)
    sink.answers.clear()

    distribute(tmp_path, positions, {"lake": sink})
    assert [] == sink.taken

    [told] = distribute(tmp_path, positions, {"lake": sink}, by_hand=True)
    assert names(1, 2) == sink.taken
    assert (False, None) == (told.stopped, told.error)


def test_a_batch_that_was_delivered_in_part_goes_on_where_it_stood(tmp_path):
    """A batch of a long outage may take longer than a run has."""
    positions, sink, contents = Memory(batches=1), Sink(), Contents(parts=2)
    [later] = names(1, part="30")
    sink.answers[later] = TargetError("busy")
    distribute(tmp_path, positions, {"lake": sink}, contents=contents)
    assert (names(1), 0) == (sink.taken, positions.of("lake").batch)

    sink.answers.clear()
    distribute(tmp_path, positions, {"lake": sink}, contents=contents)

    assert [*names(1), later] == sink.taken
    assert Position("lake", 1, until=None) == positions.of("lake")


def test_a_repeat_after_a_kill_has_the_same_names(tmp_path):
    """Between delivery and position a process may end: the receiver must know the second for the first."""
    sink, positions = Sink(), Memory(batches=2, alarms=[an_alarm(1)])
    target = a_target(what=("readings", "alarms"), begin="first")
    distribute(tmp_path, positions, {"lake": sink}, target)
    positions.places.clear()

    distribute(tmp_path, positions, {"lake": sink}, target)

    assert sink.taken[:3] == sink.taken[3:]


def test_a_target_that_another_process_serves_is_left_to_it(tmp_path):
    positions, sink = Memory(batches=1), Sink()
    positions.begin("lake", first=True)
    positions.busy.add("lake")

    [told] = distribute(tmp_path, positions, {"lake": sink})

    assert ([], 1, None) == (sink.taken, told.batches_behind, told.error)


def test_a_target_that_is_set_up_wrongly_does_not_fail_the_batch(tmp_path):
    """A certificate that is not there is found by the sender, long after the settings were read."""
    [told] = distribute(tmp_path, Memory(batches=1), {"lake": SettingsError("kafka.cafile cannot be used")})

    assert ("kafka.cafile cannot be used", False) == (told.error, told.stopped)


def test_when_a_batch_cannot_be_made_out_nothing_is_raised_and_nothing_passed_over(tmp_path):
    """`ingest` has done its work by then: it must not turn red for this."""

    def contents(batch):
        raise JobFailed("out of memory")

    positions = Memory(batches=1)

    [told] = distribute(tmp_path, positions, {"lake": Sink()}, contents=contents)

    assert (1, False) == (told.batches_behind, told.stopped)
    assert "out of memory" in told.error


@pytest.mark.parametrize(("what", "expected"), [(("alarms",), (2, 0)), (("readings",), (0, 5))])
def test_what_a_target_does_not_want_is_not_kept_for_it(tmp_path, what, expected):
    """When it wants it one day, it gets what comes from then on."""
    positions = Memory(batches=2, alarms=[an_alarm(5)])
    sink = Sink()
    sink.answers = dict.fromkeys([*names(1), "alarms/000000000001"], TargetError("busy"))

    distribute(tmp_path, positions, {"lake": sink}, a_target(what=what, begin="first"))

    place = positions.of("lake")
    assert expected == (place.batch, place.change)


def of_days(*numbers, batch, part="00"):
    return [f"readings/{batch:012d}-settled-{number:012d}-20261121T0000{part}.000000Z" for number in numbers]


def test_a_day_that_was_settled_anew_is_delivered_once_behind_its_batches(tmp_path):
    """What came with batch 2 is in it; batch 3 may know more, and its name comes later."""
    positions, sink = Memory(batches=3), Sink()
    positions.begin("lake", first=True)
    positions.resettled = [resettled(1, batch=2)]

    for _ in range(2):
        [told] = distribute(tmp_path, positions, {"lake": sink})

    assert [*names(1, 2, 3), *of_days(1, batch=2)] == sink.taken
    assert [*names(1, 2), *of_days(1, batch=2), *names(3)] == sorted(sink.taken)
    assert 0 == told.days_behind


def test_a_day_waits_for_the_batches_that_it_has_in_it(tmp_path, monkeypatch):
    """Sent before them, it would be overwritten with less."""
    monkeypatch.setattr(delivery, "BATCHES", 1)
    positions, sink = Memory(batches=2), Sink()
    positions.begin("lake", first=True)
    positions.resettled = [resettled(1, batch=2)]

    [told] = distribute(tmp_path, positions, {"lake": sink})
    assert (names(1), 1) == (sink.taken, told.days_behind)
    distribute(tmp_path, positions, {"lake": sink})

    assert [*names(1, 2), *of_days(1, batch=2)] == sink.taken


def test_a_target_that_went_down_in_the_middle_of_a_day_gets_the_rest_of_it(tmp_path):
    """One that is settled once more meanwhile is begun anew, under its new number."""
    positions, sink = Memory(batches=1), Sink()
    positions.begin("lake", first=False)
    positions.resettled = [resettled(1, batch=1)]
    first, second = (of_days(1, batch=1, part=part)[0] for part in ("00", "30"))
    sink.answers = {second: TargetError("the disk is full")}
    distribute(tmp_path, positions, {"lake": sink}, days=a_day(parts=2))
    assert [first] == sink.taken

    sink.answers = {}
    distribute(tmp_path, positions, {"lake": sink}, days=a_day(parts=2))
    assert [first, second] == sink.taken

    positions.note("lake", resettled=0, day=1, day_until=NOON)
    positions.resettled = [resettled(2, batch=1)]
    distribute(tmp_path, positions, {"lake": sink})
    assert of_days(2, batch=1) == sink.taken[2:]


def test_who_wants_alarms_alone_is_told_of_no_day(tmp_path):
    positions, sink = Memory(batches=1), Sink()
    positions.begin("lake", first=True)
    positions.resettled = [resettled(1, batch=1)]

    [told] = distribute(tmp_path, positions, {"lake": sink}, a_target(what=("alarms",)))

    assert ([], 0) == (sink.taken, told.days_behind)


def test_a_new_target_does_not_get_the_days_of_before(tmp_path):
    """A batch is made out as the registry is now."""
    positions, sink = Memory(batches=1), Sink()
    positions.resettled = [resettled(1, batch=1)]

    distribute(tmp_path, positions, {"lake": sink})

    assert names(1) == sink.taken
