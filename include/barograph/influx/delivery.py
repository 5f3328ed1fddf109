"""Deliver lines to InfluxDB: find the few that it refuses, insist while it is ill, and lose none in silence.

Pure but for what is handed in: `post` sends, `refuse` keeps a line apart, `sleep` waits.

    204  stored                               400  nothing stored; the answer quotes each bad line: without them again
    422  all but some stored; not said which: in halves, until they stand alone
    401, 403  our token: at once an error     429, 5xx, no answer: again, as long as `patience` lasts
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from barograph.errors import SinkError

UNREADABLE, PARTLY = 400, 422
"""The server read the request and will never take some of it. Anything else may pass later."""
TOO_LARGE = 413
NOT_ALLOWED = (401, 403)

FORBIDDEN = re.compile(r"[\n\r\0]")
"""What would end the line, or be stored as something else: InfluxDB takes a NUL without a word."""
NAMED = re.compile(r"unable to parse '(.*)': (.*)")
DISK_FULL = "no space left on device"

Post = Callable[[list[str]], None]
"""Sends lines; raises ApiException, or OSError or urllib3's HTTPError when nobody answers."""
Refuse = Callable[[str, str], None]
"""Keeps a line and the reason for which it can't be stored."""


def deliver(lines: list[str], post: Post, refuse: Refuse, patience: float, sleep: Callable[[float], None]) -> int:
    """Post `lines`; hand those that InfluxDB will never take to `refuse`, and say how many they were.

    Raises SinkError when the server did not take them for `patience` seconds; then none of them is refused for it.
    """
    good = [line for line in lines if not FORBIDDEN.search(line)]
    for line in lines:
        if FORBIDDEN.search(line):
            refuse(line, "a line break or a NUL within the line")
    return len(lines) - len(good) + _deliver(good, post, refuse, patience, sleep)


def _deliver(lines: list[str], post: Post, refuse: Refuse, patience: float, sleep: Callable[[float], None]) -> int:
    if not lines:
        return 0
    try:
        _insist(lines, post, patience, sleep)
    except ApiException as error:
        reason = said(error)
        if len(lines) == 1 and error.status != TOO_LARGE:
            refuse(lines[0], reason)
            return 1
        named = quoted(reason) if error.status == UNREADABLE else {}
        bad = [line for line in lines if line in named]
        if bad:
            for line in bad:
                refuse(line, named[line])
            rest = [line for line in lines if line not in named]
            return len(bad) + _deliver(rest, post, refuse, patience, sleep)
        half = len(lines) // 2
        return sum(_deliver(part, post, refuse, patience, sleep) for part in (lines[:half], lines[half:]))
    return 0


def _insist(lines: list[str], post: Post, patience: float, sleep: Callable[[float], None]) -> None:
    waited, pause = 0.0, 0.5
    while True:
        try:
            return post(lines)
        except ApiException as error:
            if error.status in (UNREADABLE, PARTLY) or (error.status == TOO_LARGE and len(lines) > 1):
                raise
            problem, asked = f"{error.status} {said(error)[:500]}", _retry_after(error)
            if error.status in NOT_ALLOWED:
                raise SinkError(
                    f"InfluxDB does not let us write: {problem}. Nothing is lost: the record has the readings. "
                    "`barograph stack up` makes a new token for secrets/influx_loader; then clear the task."
                ) from error
            if DISK_FULL in problem:
                raise SinkError(
                    f"InfluxDB has {DISK_FULL}: {problem}. What it took since is not safe: make room, restart it, then "
                    "`barograph influx rebuild`. The record has all readings."
                ) from error
        except (OSError, HTTPError) as error:
            problem, asked = str(error), None
        if waited >= patience:
            raise SinkError(
                f"InfluxDB did not take {len(lines)} lines within {patience:.0f} s: {problem}. "
                "Nothing is lost: the record has the readings, clear the task when InfluxDB is well."
            )
        rest = min(asked or pause, max(patience - waited, 0.1))
        sleep(rest)
        waited, pause = waited + rest, min(pause * 2, 15.0)


def quoted(answer: str) -> dict[str, str]:
    """The lines that a 400 names, and what is wrong with each: unable to parse 'LINE': REASON."""
    found = (NAMED.fullmatch(part) for part in answer.split("\n"))
    return {match[1]: match[2] for match in found if match}


def said(error: ApiException) -> str:
    """The server's own words."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or error.reason)
    try:
        told = json.loads(body)
    except ValueError:
        return body
    return str(told.get("message", body)) if isinstance(told, dict) else body


def _retry_after(error: ApiException) -> float | None:
    """Seconds. As RFC 9110, 10.2.3 has it, a number or a date; of a date as much as lies after the answer's own."""
    said_when = error.headers or {}
    text = said_when.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        until, sent = (parsedate_to_datetime(date) for date in (text, said_when.get("Date", "")))
        return max((until - sent).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
