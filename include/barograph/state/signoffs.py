"""Sign-offs of daily reports: a person has seen a revision and stands for it. Append-only, which the database holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, insert, select

from barograph.errors import ReportError
from barograph.state.tables import reports, signoffs

LONGEST_NAME, LONGEST_COMMENT = 200, 2_000


@dataclass(frozen=True)
class Signoff:
    """`who` and `comment` are outside text."""

    site: str
    day: date
    revision: int
    who: str
    at: datetime
    comment: str


def sign(engine: Engine, site: str, day: date, revision: int, who: str, at: datetime, comment: str = "") -> Signoff:
    """Note that `who` confirms a published revision. Whether he may is decided where he logged in.

    Raises ReportError where there is no such revision, or no name. Said twice, it stands there twice.
    """
    signoff = Signoff(site, day, revision, _text(who), at, _text(comment))
    if not signoff.who:
        raise ReportError("A sign-off needs the name of the person who signs.")
    if len(signoff.who) > LONGEST_NAME or len(signoff.comment) > LONGEST_COMMENT:
        raise ReportError(f"A sign-off has at most {LONGEST_NAME} letters of name and {LONGEST_COMMENT} of comment.")
    published = select(reports.c.revision).where(
        reports.c.site == site, reports.c.day == day.isoformat(), reports.c.revision == revision
    )
    with engine.begin() as connection:
        if connection.scalar(published) is None:
            raise ReportError(
                f"There is no revision {revision} of the report of {site}, {day} to sign. "
                f"See what there is: barograph report show {site} --day {day}"
            )
        connection.execute(insert(signoffs).values(**vars(signoff)))
    return signoff


def of(engine: Engine, site: str, days: Iterable[date]) -> list[Signoff]:
    """The sign-offs of some days, in the order in which they were made."""
    wanted = (
        select(signoffs)
        .where(signoffs.c.site == site, signoffs.c.day.in_(set(days)))
        .order_by(signoffs.c.at, signoffs.c.signoff)
    )
    with engine.connect() as connection:
        rows = connection.execute(wanted).mappings().all()
    return [Signoff(**{name: row[name] for name in Signoff.__dataclass_fields__}) for row in rows]


def _text(text: str) -> str:
    """PostgreSQL keeps no NUL."""
    return text.replace("\0", "").strip()
