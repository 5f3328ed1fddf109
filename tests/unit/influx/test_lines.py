"""What InfluxDB gets of a reading: value and flag always, the raw value where it is another, the reasons as text."""

import pytest
from tests.unit.transforms.quality.drawn import a_record, judged, places, series

from barograph import spark as edge
from barograph.influx import lines
from barograph.transforms import cleaning


@pytest.fixture
def written(spark):
    def run(rows, where):
        came = spark.createDataFrame(a_record(rows)).transform(cleaning.refined, where)
        found = [row.line for row in lines.reading_lines(came).collect()]
        return sorted(found, key=lambda line: line.split()[-1])

    return run


def test_raw_value_calibrated_value_and_flag_travel_together(written):
    point = {"calibration": [{"since": "2026-11-01", "offset": 0.5}], "error_codes": [85], "gap": False}

    first, failed = written(series("4.0 85"), places(point=point))

    tags = "temperature,device=d,site=shop,zone=z"
    assert f'{tags} value=4.5,raw=4.0,flag=1i,reasons="" 1795348800000000' == first
    assert f'{tags} value=85.5,raw=85.0,flag=4i,reasons="error_code" 1795348830000000' == failed


def test_what_was_never_calibrated_costs_no_second_number(written):
    """The raw value never changes, so a point that is written again may leave it out."""
    [line] = written(series("4.0"), places(point={"gap": False}))

    assert line.split()[1] == 'value=4.0,flag=1i,reasons=""'


def test_a_point_that_turns_out_good_loses_its_reasons(written):
    """A point that is overwritten keeps the fields that the new one lacks: so reasons are always written."""
    rows = series("4.0 4.1 14.5 4.1 500 -", skew=1.0)

    found = [line.split()[1] for line in written(rows, places())]

    assert 'value=4.0,flag=1i,reasons="after_gap,clock_off"' == found[0]
    assert 'value=14.5,flag=4i,reasons="spike,clock_off"' == found[2]
    assert 'value=500.0,flag=4i,reasons="out_of_range,clock_off"' == found[4]
    assert 'flag=9i,reasons="no_value,clock_off"' == found[5]


def test_few_readings_are_written_as_many_are(spark, written):
    """Of few, expressions are interpreted, of many compiled."""
    point = {"calibration": [{"since": "2026-11-01", "offset": 0.5}], "error_codes": [85]}
    rows = series("4.0 4.1 14.5 4.1 500 - 85", skew=1.0)

    edge.expect(spark, edge.WORTH_COMPILING - 1)
    few = written(rows, places(point=point))
    edge.expect(spark, edge.WORTH_COMPILING)

    assert len(few) == 7
    assert few == written(rows, places(point=point))


def test_every_reason_can_be_written_as_it_is():
    """Words without quotes and backslashes need no escapes."""
    from barograph.readings import FLAG_REASONS

    assert all(reason.isidentifier() for reason in FLAG_REASONS)
    assert [] == judged(series("4.0 4.1"), places(point={"gap": False}))["reasons"].to_pylist()[0]
