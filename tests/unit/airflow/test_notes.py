from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings
from barograph_airflow import notes
from barograph_airflow.about import about

REPORT = {
    "site": "demo",
    "day": "2026-11-25",
    "key": "2026-11-25",
    "headline": "All fine",
    "revision": 2,
    "changed": True,
}


class Airflow:
    """Remembers the note of a run."""

    def __init__(self, before: str | None) -> None:
        self.text = before

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, dag: str, run: str) -> dict[str, Any]:
        return {"note": self.text}

    def note(self, dag: str, run: str, text: str) -> None:
        self.text = text


def noted(
    monkeypatch: pytest.MonkeyPatch, step: str, facts: dict[str, Any], before: str | None = None, place: int = -1
) -> str | None:
    airflow = Airflow(before)
    monkeypatch.setattr(notes.Airflow, "of", lambda *_, **__: airflow)
    context = {"dag_run": SimpleNamespace(dag_id="daily", run_id="x"), "ti": SimpleNamespace(map_index=place)}
    notes.leave(Settings(home="/nowhere"), context, step, facts)  # type: ignore[arg-type]
    return airflow.text


@pytest.mark.parametrize(
    ("said", "step", "facts"),
    [
        ("demo, 2026-11-25: All fine (revision 2)", "report", REPORT),
        ("demo, week-2026-W48: All fine (revision 2)", "report", REPORT | {"key": "week-2026-W48"}),
        ("demo, 2026-11-25: All fine (nothing new)", "report", REPORT | {"changed": False}),
        ("1,200 read, 3 rejected", "ingest", {"read": 1200, "rejected": 3, "duplicate": 0}),
        (None, "ingest", {"read": 1200, "rejected": 0, "duplicate": 0}),
        (None, "settle", {"stored": 7}),
        ("Snapshot 0123abcd, 1.5 MB added", "backup", {"snapshot": "0123abcdef", "bytes_added": 1_500_000}),
    ],
)
def test_what_came_out_stands_beside_the_run(monkeypatch, said: str | None, step: str, facts: dict[str, Any]):
    assert said == noted(monkeypatch, step, facts)


def test_who_asked_for_a_run_stays_there(monkeypatch):
    """Told again by a cleared task, the headline takes the place of the older one alone."""
    first = noted(monkeypatch, "report", REPORT, "Asked for on the page Reports by ada.")
    again = noted(monkeypatch, "report", REPORT | {"revision": 3}, first)

    assert again == "demo, 2026-11-25: All fine (revision 3)\nAsked for on the page Reports by ada."


def test_of_many_days_the_first_gives_the_headline(monkeypatch):
    assert noted(monkeypatch, "report", REPORT, place=0)
    assert noted(monkeypatch, "report", REPORT, place=1) is None


def test_a_note_that_cannot_be_left_fails_nothing(monkeypatch):
    def away(*_: Any, **__: Any) -> Airflow:
        raise ServiceUnavailable("nobody listens")

    monkeypatch.setattr(notes.Airflow, "of", away)

    notes.leave(Settings(home="/nowhere"), {"dag_run": SimpleNamespace(dag_id="d", run_id="x")}, "report", REPORT)  # type: ignore[arg-type]


def test_a_dags_page_has_its_picture_and_its_facts_as_a_table():
    page = about("Every night: do it.\n\nReads     the record\nWhen red  docs/runbook.md#daily\n", "daily")

    assert "Every night: do it." in page
    assert "![What flows where](/barograph/static/daily.svg)" in page
    assert "| **Reads** | the record |" in page
    assert "| **When red** | docs/runbook.md#daily |" in page
