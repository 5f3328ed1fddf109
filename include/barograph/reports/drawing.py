"""Draw a report's charts, over all cores where there are many. The order of the pictures is that of the jobs."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from barograph.errors import ReportError
from barograph.reports import canvas
from barograph.reports.gallery import Job, charts

MANY = 240
"""Charts from which on it pays to start processes for them: each needs a second to begin."""

AT_ONCE = 12
"""Charts that are handed over together."""


@dataclass(frozen=True, eq=False)
class Picture:
    job: Job
    svg: bytes
    png: bytes


def pictures(jobs: Sequence[Job], folder: Path | None = None, processes: int = 0) -> Iterator[Picture]:
    """One after the other as they are drawn; what a chart says nothing about is left out. Raises ReportError.

    Few are in hand at any time, so that memory does not grow with their number.
    """
    ours = [job for job in jobs if job.of == "device"]
    cores = processes or len(os.sched_getaffinity(0))
    if len(ours) < MANY or cores < 2:
        yield from _here(jobs, folder)
        return
    # Spawned, not forked: Arrow and Delta have threads, and a fork would inherit their locks.
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[tuple[Sequence[Job], Future[list[tuple[bytes, bytes] | None]]]] = deque()
        for some in _batched(ours, AT_ONCE):
            waiting.append((some, pool.submit(_all, some, folder)))
            if len(waiting) > 3 * cores:
                yield from _done(*waiting.popleft())
        # A zone's charts need all of its devices: they are drawn where these are.
        yield from _here([job for job in jobs if job.of != "device"], folder)
        while waiting:
            yield from _done(*waiting.popleft())


def _done(some: Sequence[Job], drawn: Future[list[tuple[bytes, bytes] | None]]) -> Iterator[Picture]:
    for job, bytes_ in zip(some, drawn.result(), strict=True):
        if bytes_ is not None:
            yield Picture(job, *bytes_)


def _here(jobs: Sequence[Job], folder: Path | None) -> Iterator[Picture]:
    for job in jobs:
        (drawn,) = _all([job], folder)
        if drawn is not None:
            yield Picture(job, *drawn)


def _all(jobs: Sequence[Job], folder: Path | None) -> list[tuple[bytes, bytes] | None]:
    known = charts(folder)
    with canvas.style():
        return [_one(job, known[job.chart].draw) for job in jobs]


def _one(job: Job, draw: object) -> tuple[bytes, bytes] | None:
    assert callable(draw)
    try:
        figure = draw(job.view)
    except Exception as error:
        raise ReportError(f"The chart {job.chart} of {job.metric} in {job.zone} cannot be drawn: {error!r}") from error
    return None if figure is None else (canvas.svg(figure), canvas.png(figure))


def _batched(jobs: Sequence[Job], size: int) -> Iterator[list[Job]]:
    return (list(jobs[start : start + size]) for start in range(0, len(jobs), size))
