"""Which days a late reading belongs to, and how late it was."""

from datetime import date, datetime, timedelta

import pyarrow as pa

from barograph.ingest.late import days_behind, lateness
from barograph.transforms.places import Place, Places
from barograph.windows import utc

PLACES = Places(
    {
        "berlin": Place("b", "z", 30.0, timezone="Europe/Berlin"),
        "nepal": Place("n", "z", 30.0, timezone="Asia/Kathmandu"),
    },
    Place("b", "none", 10.0, timezone="Europe/Berlin"),
)


class Record:
    def __init__(self, *rows: tuple[str, str, float, bool]) -> None:
        """Rows of device, event time, seconds until Kafka had it, historical."""
        self.rows = rows

    def settled(self, site: str) -> set[date]:
        return {date(2026, 11, 18) + timedelta(days=n) for n in range(3)} if site == "b" else set()

    def rows_of(self, table: str, batch: int, columns: list[str]) -> pa.Table:
        moment = pa.timestamp("us", "UTC")
        times: list[datetime] = [utc(time) for _, time, _, _ in self.rows]
        late = [timedelta(seconds=seconds) for _, _, seconds, _ in self.rows]
        return pa.table(
            {
                "device": pa.array([row[0] for row in self.rows], pa.string()),
                "time": pa.array(times, moment),
                "published": pa.array([time + wait for time, wait in zip(times, late, strict=True)], moment),
                "historical": pa.array([row[3] for row in self.rows], pa.bool_()),
            }
        ).select(columns)


def test_a_day_that_is_over_is_behind_and_the_present_one_is_not():
    """Midnight is the site's own: of one moment, Kathmandu has another day than Berlin."""
    record = Record(
        ("berlin", "2026-11-20T22:59:59Z", 0, False),
        ("stranger", "2026-11-21T01:00:00Z", 0, False),
        ("nepal", "2026-11-20T18:14:59Z", 0, False),
        ("nepal", "2026-11-20T20:15:00Z", 0, False),
    )

    found = days_behind(record, PLACES, 7, utc("2026-11-21T12:00:00Z"))

    assert {("b", date(2026, 11, 20)), ("n", date(2026, 11, 20))} == found


def test_a_day_whose_flags_a_reading_of_the_next_may_change_is_behind_too():
    """A spike before midnight is one once the next reading is there; a late one reaches as far as tests look back."""
    soon, later = (
        Record(("berlin", "2026-11-20T23:01:00Z", 0, False)),
        Record(("berlin", "2026-11-20T23:05:00Z", 0, False)),
    )
    before = Record(("berlin", "2026-11-19T22:30:00Z", 0, False))

    found = [days_behind(each, PLACES, 7, utc("2026-11-21T12:00:00Z")) for each in (soon, later, before)]

    assert [{("b", date(2026, 11, 20))}, set(), {("b", date(2026, 11, 19)), ("b", date(2026, 11, 20))}] == found


def test_a_day_of_which_nothing_is_known_is_not_behind():
    """The first reading of a shop's history, after midnight, says nothing about the day before there was a shop."""
    first = Record(("nepal", "2026-11-19T18:15:30Z", 0, True))

    assert {("n", date(2026, 11, 20))} == days_behind(first, PLACES, 7, utc("2026-11-21T12:00:00Z"))


def test_an_empty_batch_reaches_nowhere():
    assert set() == days_behind(Record(), PLACES, 7, utc("2026-11-21T12:00:00Z"))
    assert {} == lateness(Record(), 7)


def test_lateness_is_that_of_live_readings():
    """A history that is published today is not late."""
    record = Record(
        ("berlin", "2026-11-20T12:00:00Z", 0.5, False),
        ("berlin", "2026-11-20T12:00:30Z", 1.5, False),
        ("berlin", "2026-11-20T12:01:00Z", 90.0, False),
        ("berlin", "2026-01-01T00:00:00Z", 9e6, True),
    )

    assert {"late_median": 1.5, "late_worst": 90.0} == lateness(record, 7)
