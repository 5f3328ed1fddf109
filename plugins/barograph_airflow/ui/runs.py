"""What a run made, from the facts that its steps left in XCom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session


def facts_of(session: Session, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
    """What every step of the run returned, with its name as `step`, in the order of their ends."""
    wanted = (
        select(XComModel)
        .where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == "return_value")
        .order_by(XComModel.timestamp)
    )
    facts = ((row.task_id, XComModel.deserialize_value(row)) for row in session.scalars(wanted))
    return [{"step": step, **value} for step, value in facts if isinstance(value, dict)]
