"""An alarm's life, whatever its kind: levels that must hold, hysteresis, escalation, downgrade.

A kind makes a measure out of readings; here the measure meets the levels of a rule. Each level remembers since when it
has been beyond, since when it has been back, and whether it has held long enough. The alarm is as severe as its worst
level that is met; it is over when none is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Severity = Literal["warning", "minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "minor", "major", "critical")

Transition = Literal["opened", "escalated", "downgraded", "cleared"]

INF = math.inf


class Band(NamedTuple):
    """What a level asks of a measure: to lie outside `low … high`, or `within` them."""

    low: float = -INF
    high: float = INF
    clear_low: float = -INF
    clear_high: float = INF
    within: bool = False
    hold: int = 0
    """Microseconds that it must be beyond, and `clear_hold` that it must be back."""
    clear_hold: int = 0
    rank: int = 0
    """Its severity's place in SEVERITIES."""

    def beyond(self, measure: float) -> bool:
        return (measure < self.low or measure > self.high) != self.within

    def back(self, measure: float) -> bool:
        return (measure < self.clear_low or measure > self.clear_high) == self.within

    def excess(self, measure: float) -> float:
        """How far beyond; negative while it is not."""
        out = max(self.low - measure, measure - self.high)
        return -out if self.within else out

    def limit(self, measure: float) -> float | None:
        """The limit that a measure has crossed."""
        if self.within:
            return None
        crossed = self.high if measure > self.high or self.low == -INF else self.low
        return crossed if math.isfinite(crossed) else None


class Hold(NamedTuple):
    """What is known of one level."""

    since: int | None = None
    """The first reading of the present stretch beyond it."""
    back: int | None = None
    """The first reading of the present stretch back within its clear limit, while it is met."""
    met: bool = False


class Life(NamedTuple):
    """What is known of one alarm, or of one that may come."""

    holds: tuple[Hold, ...] = ()
    opened: int | None = None
    started: int | None = None
    worst: float | None = None
    level: int = 0
    """The level that is met: the worst of them."""

    @property
    def stirred(self) -> bool:
        """Whether anything is beyond any level."""
        return self.opened is not None or any(hold.since is not None for hold in self.holds)


class Change(NamedTuple):
    transition: Transition
    life: Life
    """As it is then: what was known of the alarm, where it cleared."""


QUIET = Life()


def lived(
    life: Life, bands: Sequence[Band], moment: int, measure: float, since: int | None = None, broken: bool = False
) -> tuple[Life, Change | None]:
    """The life after a measure, and what changed.

    `since`: when that which is measured began, if not now. `broken`: nothing is known of the time before: what had not
    held long enough begins anew.
    """
    if not life.holds and life.opened is None and not any(band.beyond(measure) for band in bands):
        return QUIET, None  # What nearly all readings come to.
    before = fitted(life, bands)
    holds = tuple(
        _held(hold, band, moment, measure, since or moment, broken)
        for hold, band in zip(before, bands, strict=True)
    )  # fmt: skip
    met = [place for place, hold in enumerate(holds) if hold.met]
    began = [hold.since for hold in holds if hold.since is not None]
    if not met and not began:
        return QUIET, Change("cleared", life) if life.opened is not None else None
    worst = _worse(life.worst, measure, bands)
    if not met:
        after = Life(holds, None, min(began), worst if life.opened is None else measure)
        return after, Change("cleared", life) if life.opened is not None else None
    level = max(met, key=lambda place: (bands[place].rank, -place))
    if life.opened is None:
        started = min(hold.since for hold in holds if hold.met and hold.since is not None)
        opened = Life(holds, moment, started, worst, level)
        return opened, Change("opened", opened)
    after = Life(holds, life.opened, life.started, worst, level)
    was, now = bands[min(life.level, len(bands) - 1)].rank, bands[level].rank
    if was == now:
        return after, None
    return after, Change("escalated" if now > was else "downgraded", after)


def fitted(life: Life, bands: Sequence[Band]) -> tuple[Hold, ...]:
    """Its holds for as many levels as the rule has now: an open alarm stays met at the level that is nearest."""
    if len(life.holds) == len(bands):
        return life.holds
    held = list(life.holds[: len(bands)]) + [Hold()] * (len(bands) - len(life.holds))
    if life.opened is not None and not any(hold.met for hold in held):
        held[-1] = Hold(since=life.started, met=True)
    return tuple(held)


def _held(hold: Hold, band: Band, moment: int, measure: float, since: int, broken: bool) -> Hold:
    if band.beyond(measure):
        begun = since if hold.since is None or (broken and not hold.met) else hold.since
        return Hold(begun, None, hold.met or moment - begun >= band.hold)
    if not hold.met:
        return Hold()
    if not band.back(measure):
        return hold._replace(back=None)
    back = moment if hold.back is None or broken else hold.back
    return Hold() if moment - back >= band.clear_hold else hold._replace(back=back)


def _worse(worst: float | None, measure: float, bands: Sequence[Band]) -> float:
    return measure if worst is None or _excess(measure, bands) > _excess(worst, bands) else worst


def _excess(measure: float, bands: Sequence[Band]) -> float:
    return max(band.excess(measure) for band in bands)


def ranks(bands: Sequence[Band]) -> Iterator[Severity]:
    return (SEVERITIES[band.rank] for band in bands)
