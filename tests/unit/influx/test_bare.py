"""A point is named to InfluxDB by its tags, whatever stands in them."""

import pyarrow as pa
import pytest

from barograph.influx import bare
from barograph.influx.clients import predicate
from barograph.settings import Settings


@pytest.mark.parametrize(
    ("device", "said"),
    [("fridge-1", '"fridge-1"'), ('the "cold" wall', r'"the \"cold\" wall"'), ("a\\b", r'"a\\b"')],
)
def test_a_name_with_quotes_ends_nothing(device, said):
    expected = f'_measurement="temperature" AND device={said} AND site="demo"'

    assert expected == predicate({"metric": "temperature", "device": device, "site": "demo"})


def test_nothing_bare_asks_nobody(tmp_path):
    """Most batches have no such window, and InfluxDB may be away."""
    assert 0 == bare.forget(Settings(home=tmp_path), "windows", "demo", pa.table({"metric": []}))
