"""The fast lane: an alarm is on the disk in the turn in which its frame came, and reaches Kafka once."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from barograph.collector.alarm_store import AlarmStore
from barograph.collector.fast import FastLane, books
from barograph.kafka import Delivery
from barograph.readings import Frame
from barograph.registry import Device, Point, Port, Site
from barograph.rules.book import Rules

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WARM = {"rule": "warm", "metric": "temperature", "above": 8, "severity": "critical"}
GONE = {"rule": "gone", "kind": "missing", "least": 300}


def a_site(*names, **points):
    temperature = Point.model_validate(points)
    devices = [Device(device=name, zone="wall", points={"temperature": temperature}) for name in names]
    return Site(site="shop", name="A shop", devices=devices, ports=[Port(port="wall", url="/dev/null", format="x")])


def at(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def opened(tmp_path):
    stores = []

    def lane(*rules, site=None, start=0):
        site = site or a_site("fridge-1", "fridge-2")
        stores.append(AlarmStore(tmp_path / "alarms.db"))
        return FastLane([site], {"shop": Rules.model_validate({"rules": list(rules)})}, stores[-1], "till", at(start))

    yield lane
    for store in stores:
        store.close()


def say(lane, seconds, value, device="fridge-1"):
    lane.hear(Frame(device, {"temperature": value}, at(seconds), port="wall", boot="b"))
    return lane.turn(at(seconds))


def recorded(lane):
    return [
        (event["device"], event["transition"], event["time"][11:19])
        for event in map(json.loads, lane.store.events()[::-1])
    ]


class Kafka:
    def __init__(self, became=Delivery.ACKED):
        self.became = became
        self.messages = []

    def deliver(self, messages):
        self.messages += messages
        return [self.became] * len(messages)


def test_an_alarm_is_on_the_disk_when_the_turn_is_over(opened):
    """No broker, no database: it is only the file that has to be there."""
    lane = opened(WARM)

    assert [False, True, False, True] == [say(lane, 10 * n, value) for n, value in enumerate([4, 9, 10, 4])]
    assert [("fridge-1", "opened", "12:00:10"), ("fridge-1", "cleared", "12:00:30")] == recorded(lane)


def test_an_event_says_all_that_the_server_has_to_know(opened):
    lane = opened(WARM)
    say(lane, 10, 9)

    told = json.loads(lane.store.events()[0])

    assert {
        "collector": "till", "site": "shop", "rule": "warm", "metric": "temperature", "value": 9.0, "limit": 8.0,
        "severity": "critical", "started": "2026-11-22T12:00:10.000000Z",
    }.items() <= told.items()  # fmt: skip


def test_a_value_that_no_sensor_can_say_is_no_alarm(opened):
    """Only the simplest tests are made here: the range, and the codes by which a sensor says that it failed."""
    lane = opened(WARM, site=a_site("fridge-1", error_codes=[85], valid_max=90))

    assert [False] * 3 == [say(lane, n, value) for n, value in enumerate([85, 200, None])]


def test_a_calibrated_value_is_judged(opened):
    lane = opened(WARM, site=a_site("fridge-1", calibration=[{"since": "2026-01-01", "gain": 1.0, "offset": -2.0}]))

    assert [False, True] == [say(lane, n, value) for n, value in enumerate([9, 10.5])]


def test_what_was_open_before_a_restart_clears_once_after_it(opened):
    """And a hold that was under way goes on."""
    lane = opened({**WARM, "hold": 60})
    for n in range(3):
        say(lane, 30 * n, 9)

    again = opened({**WARM, "hold": 60}, start=90)
    say(again, 100, 4)

    assert [("fridge-1", "opened", "12:01:00"), ("fridge-1", "cleared", "12:01:40")] == recorded(again)


def test_two_silent_devices_on_one_port_are_first_of_all_a_silent_port(opened):
    lane = opened(GONE)
    for device in ("fridge-1", "fridge-2"):
        say(lane, 10, 4, device)
    for seconds in range(11, 400):
        lane.turn(at(seconds))

    assert ["collector:shop", "port:wall", "fridge-1", "fridge-2"] == [device for device, *_ in recorded(lane)]


def test_a_silence_is_noticed_when_its_time_is_up(opened):
    """The lane says when it wants a turn though nothing comes: 50 ms are no room for a look every second."""
    lane = opened(GONE)
    say(lane, 10, 4, "fridge-2")
    lane.turn(at(20))
    wanted = lane.due_in(at(20))

    assert pytest.approx(280, abs=1e-3) == wanted  # The other one, which was never heard: since the start.
    assert [False, True] == [lane.turn(at(20 + wanted - 1e-6)), lane.turn(at(20 + wanted))]
    assert [("fridge-1", "opened", "12:05:00")] == recorded(lane)


def test_a_collector_that_was_away_misses_nobody_for_it(opened):
    """Devices may well have spoken while nobody listened."""
    say(opened(GONE), 10, 4)

    lane = opened(GONE, start=7200)
    lane.turn(at(7210))

    assert [] == recorded(lane)


def test_kafka_gets_each_event_once(opened):
    lane, kafka = opened(WARM), Kafka()
    say(lane, 10, 9)
    say(lane, 20, 4)

    lane.send(kafka, "alarms-fast", at(21))
    lane.send(kafka, "alarms-fast", at(22))

    assert ["opened", "cleared"] == [json.loads(message.value)["transition"] for message in kafka.messages]


def test_what_kafka_did_not_take_waits_and_is_tried_again_later(opened):
    """Not at once: an attempt can hold up the readings."""
    lane, kafka = opened(WARM), Kafka(Delivery.FAILED)
    say(lane, 10, 9)

    for seconds in (11, 12, 80):
        lane.send(kafka, "alarms-fast", at(seconds))

    assert 2 == len(kafka.messages)
    assert 1 == len(lane.store.waiting(10))


def test_a_file_with_mistakes_leaves_the_last_good_rules_in_force(opened, tmp_path):
    site, store, told = a_site("fridge-1"), opened().store, []
    path = tmp_path / "shop" / "rules.yaml"
    path.parent.mkdir()
    path.write_text("rules: [{rule: warm, metric: temperature, above: 8}]")
    good = books(tmp_path, [site], store)

    path.write_text("rules: [{rule: warm, metric: temperature, abov: 8}]")
    kept = books(tmp_path, [site], store, lambda event, *_, **facts: told.append((event, facts["in_force"])))

    assert good == kept
    assert [("bad_rules", "the last good rules")] == told


def test_edited_rules_hold_from_the_next_frame_on(opened):
    lane = opened(WARM)
    say(lane, 10, 9)

    lane.changed(lane.sites, {"shop": Rules.model_validate({"rules": [{**WARM, "above": 10}]})}, at(15))
    say(lane, 20, 9)

    assert ["opened", "cleared"] == [transition for _, transition, _ in recorded(lane)]
