"""Which of a judgement's events only came to light by rejects that somebody replayed. All pure.

Such an alarm says so, and one that is over already is history: nobody is told of the past as if it were now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from barograph.rules.readings import Event, Key
from barograph.windows import microseconds


class Replayed(NamedTuple):
    """What replayed readings may have changed, in microseconds of event time."""

    since: Mapping[Key, int] = {}
    """From when on, per key."""
    until: int = 0
    """The end of the last of them."""
    batches: Sequence[int] = ()
    """Their own batches, which judged nothing."""

    def behind(self, key: Key, time: datetime) -> bool:
        """Whether it may have changed what was judged of that moment."""
        return key in self.since and self.since[key] <= microseconds(time)

    def brought(self, key: Key, time: datetime) -> bool:
        """Whether what was found at that moment was found in it."""
        return self.behind(key, time) and microseconds(time) < self.until

    @property
    def words(self) -> str:
        named = "batches" if len(self.batches) > 1 else "batch"
        return f"replayed rejects of {named} {', '.join(map(str, self.batches))}"


NONE = Replayed()


def marked(events: Sequence[Event], replayed: Replayed) -> list[Event]:
    """The same events, in their order; those that came to light by a replay say so in their details."""
    ends = {event.key: event.time for event in events if event.transition == "cleared"}

    def told(event: Event) -> Event:
        if not replayed.brought(event.key, event.time):
            return event
        over = event.transition == "opened" and ends.get(event.key, event.time) > event.time
        details = {**event.details, "replayed": replayed.words}
        return event._replace(details=details, historical=event.historical or over)

    return [told(event) for event in events]
