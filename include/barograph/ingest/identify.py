"""identify: whether two sensors are set to one id, as far as a batch and the minutes before it show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
from sqlalchemy import Engine

from barograph.archive import Archive
from barograph.state import alarms
from barograph.state.ledger import Batch
from barograph.transforms.identities import shared
from barograph.transforms.places import Places
from barograph.windows import Window

LOOK_BACK = timedelta(minutes=10)
"""A batch of a minute has two frames of a device: who takes turns shows over some more."""
MOST = timedelta(hours=1)
"""Of a long backlog its last hour is looked at."""


def identify(
    archive: Archive, places: Places, engine: Engine, batch: Batch, touched: Sequence[Window]
) -> dict[str, int]:
    """Look at what a batch touched. Returns how many ids are shared; an alarm names them."""
    if not touched:
        return {}
    looked = [Window(max(part.start - LOOK_BACK, part.end - MOST), part.end) for part in touched]
    heard = pa.concat_tables(archive.heard(window) for window in looked)
    devices = set(heard["device"].unique().to_pylist())
    return alarms.record_shared_ids(engine, batch, shared(heard), lambda device: places.of(device).site, devices)
