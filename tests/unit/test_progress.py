"""A long step says how far it is; a short one says nothing."""

import structlog

from barograph.progress import Progress


def test_a_long_step_says_count_rate_and_time_to_go_now_and_then():
    now = [0.0]
    progress = Progress("settle", {"day": "2026-11-22"}, monotonic=lambda: now[0])
    with structlog.testing.capture_logs() as said:
        for second in range(31):
            now[0] = float(second)
            progress.reached(second, 40, "tasks", megabytes=second)

    assert [10, 20, 30] == [line["tasks"] for line in said]
    assert (40, 1.0, 30, "settle", "2026-11-22") == tuple(
        said[0][name] for name in ("of", "per_second", "eta_seconds", "step", "day")
    )


def test_where_nothing_is_done_yet_nobody_guesses_when_it_will_be():
    now = [0.0]
    progress = Progress("drain", {}, monotonic=lambda: now[0])
    now[0] = 11.0
    with structlog.testing.capture_logs() as said:
        progress.reached(0, 8, "tasks")

    assert "eta_seconds" not in said[0]
