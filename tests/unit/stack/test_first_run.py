"""The first run's bookkeeping: named steps, resumed where they stopped."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from barograph.settings import Settings
from barograph.stack import first_run, services
from barograph.stack.first_run import Plan
from barograph.stack.show import Show
from barograph.windows import utc

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


class Steps:
    """The steps, replaced by ones that only say that they ran; one of them may be broken."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken = ""

    def step(self, name: str) -> first_run.Step:
        def run(settings: Settings, plan: Plan, show: Show) -> str:
            if name == self.broken:
                raise RuntimeError(name)
            self.ran.append(name)
            return name

        return run


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(first_run, "STEPS", {name: (name, made.step(name)) for name in first_run.STEPS})
    return made


def test_all_steps_in_order(settings: Settings, steps: Steps) -> None:
    first_run.run(settings, lambda: NOON)

    assert steps.ran == ["site", "start", "publish", "drain", "backfill", "input"]
    assert services.first_run_is_over(settings)


def test_an_interrupted_run_goes_on_where_it_stopped(settings: Settings, steps: Steps) -> None:
    """Servers are started again; a week of history is not published again."""
    steps.broken = "drain"
    with pytest.raises(RuntimeError):
        first_run.run(settings, lambda: NOON)
    assert not services.first_run_is_over(settings)

    steps.broken = ""
    steps.ran.clear()
    first_run.run(settings, lambda: NOON)

    assert steps.ran == ["start", "drain", "backfill", "input"]


def test_a_resumed_run_publishes_the_same_week(settings: Settings) -> None:
    Plan.load(settings, NOON).save()

    later = Plan.load(settings, datetime(2026, 4, 1, 9, tzinfo=UTC))

    assert later.began == NOON


def test_the_week_is_seven_whole_local_days_and_today(settings: Settings) -> None:
    """Over a change of the clocks too: 29 March 2026 has 23 hours in Berlin."""
    window, days = Plan.load(settings, NOON).history("Europe/Berlin")

    assert [date(2026, 3, day) for day in range(24, 31)] == days
    assert (utc("2026-03-23T23:00:00Z"), NOON) == (window.start, window.end)


def test_the_demo_is_copied_whole_or_not_at_all(settings: Settings) -> None:
    first_run.copy_site(settings, Plan.load(settings, NOON), Show())

    assert (settings.sites_folder / "demo" / "site.yaml").exists()
    assert (settings.sites_folder / "demo" / "formats").is_dir()
    assert [path.name for path in settings.sites_folder.iterdir()] == ["demo"]


def test_a_changed_demo_is_the_users(settings: Settings) -> None:
    plan = Plan.load(settings, NOON)
    first_run.copy_site(settings, plan, Show())
    site = settings.sites_folder / "demo" / "site.yaml"
    site.write_text(site.read_text() + "\n# mine\n")

    first_run.copy_site(settings, plan, Show())

    assert site.read_text().endswith("# mine\n")
