"""A file of a Parquet target is whole or not there, and there once."""

import pyarrow.parquet as pq
import pytest
from tests.unit.targets.courses import NOON, a_target, an_alarm, minute, readings

from barograph.errors import TargetError, TargetRefused
from barograph.settings import Settings
from barograph.targets.parcels import of_alarms, of_batch
from barograph.targets.parquet import ParquetSender

NAME = "000000000017-20261122T120000.000000Z.parquet"


@pytest.fixture
def sender(tmp_path):
    return ParquetSender(Settings(home=tmp_path), a_target())


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_a_repeat_overwrites_itself(sender, tmp_path):
    for values in ([4.0], [4.0, 5.0]):
        sender.send(of_batch("readings", 17, minute(0), readings(*values)))

    assert [NAME] == files(tmp_path)
    assert [4.0, 5.0] == pq.read_table(tmp_path / "out" / "readings" / NAME)["value"].to_pylist()


def test_what_a_killed_process_left_half_done_goes(sender, tmp_path):
    half = tmp_path / "out" / "readings" / f".{NAME}.4711"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1 and no end")

    sender.send(of_batch("readings", 17, minute(0), readings(4.0)))

    assert [NAME] == files(tmp_path)


def test_nothing_is_no_file(sender, tmp_path):
    sender.send(of_batch("readings", 17, minute(0), readings(4.0)))

    sender.send(of_batch("readings", 17, minute(0), readings()))

    assert [] == files(tmp_path)


def test_alarms_are_named_by_where_they_begin(sender, tmp_path):
    """One that changed again meanwhile has moved to the end, and the same file says so."""
    sender.send(of_alarms(3, [an_alarm(4)]))
    sender.send(of_alarms(3, [an_alarm(6, state="cleared", cleared=NOON)]))

    assert ["000000000004.parquet"] == files(tmp_path)
    table = pq.read_table(tmp_path / "out" / "alarms" / "000000000004.parquet")
    assert [(6, "cleared")] == list(zip(table["change"].to_pylist(), table["state"].to_pylist(), strict=True))


def test_a_folder_that_cannot_be_written_is_waited_for(sender, tmp_path):
    """A share that is not mounted is no refusal."""
    (tmp_path / "out").write_text("in the way")

    with pytest.raises(TargetError, match="cannot be written") as told:
        sender.send(of_batch("readings", 17, minute(0), readings(4.0)))
    assert not isinstance(told.value, TargetRefused)
