"""An alarm of today explains itself: its readings come from the record, whose day nobody has settled yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.services.river import NOW, influxql, opened

from barograph.hindsight.explain import explain, told
from barograph.state import alarm_lists
from barograph.state.engine import connect


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


def test_the_readings_of_today_raise_the_alarm_again_and_influxdb_shows_it(river):
    """What `ingest` judged with Spark is what is folded here, flags included, and what the annotations say."""
    values = [4.0, 4.5, 9.0, 9.5, 9.0, 9.2, 4.0]
    river.send(*(river.frame(600 - 30 * n, value, n) for n, value in enumerate(values)))
    river.ingest()
    engine = connect(river.settings)
    (found,) = alarm_lists.listed(engine, alarm_lists.Wanted(), NOW + timedelta(minutes=1), 10)

    explained = explain(river.settings, engine, found.alarm, NOW + timedelta(minutes=1))

    assert explained.same_version
    assert ["opened", "cleared"] == [each.event.transition for each in explained.transitions]
    assert [found.alarm["opened"], found.alarm["cleared"]] == [each.event.time for each in explained.transitions]
    opening = told(explained)["transitions"][0]["steps"]
    assert [9.0, 9.5, 9.0] == [step["value"] for step in opening]
    points = influxql(
        river.settings, "readings", f"SELECT severity, transition, alarm FROM alarm WHERE site = '{river.name}'"
    )
    assert ["opened", "cleared"] == [point["transition"] for point in points]
    assert {str(found.alarm["alarm"])} == {point["alarm"] for point in points}
