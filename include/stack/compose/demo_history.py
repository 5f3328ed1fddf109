"""The demo's first week: published, drained, settled and reported once, before its sensors speak. Goes on where it
stopped; the steps are those of `make run`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import structlog

from barograph import logs
from barograph.errors import BarographError
from barograph.settings import Settings, load_settings
from barograph.stack import first_run
from barograph.stack.show import Show

STEPS = ("publish", "drain", "backfill")

log = structlog.get_logger()


def run(settings: Settings) -> None:
    plan = first_run.Plan.load(settings, datetime.now(UTC))
    plan.save()
    for name in STEPS:
        if name in plan.steps:
            continue
        started = time.monotonic()
        _, step = first_run.STEPS[name]
        made = step(settings, plan, Show())
        plan.steps[name] = round(time.monotonic() - started, 1)
        plan.save()
        log.info("first_week", step=name, made=made, seconds=plan.steps[name])
    plan.finished = plan.finished or datetime.now(UTC)
    plan.save()


def main() -> int:
    logs.configure()
    try:
        run(load_settings())
    except BarographError as error:
        log.error("first_week_failed", reason=str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
