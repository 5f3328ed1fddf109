"""Where a report is in Airflow: opaque ids for addresses, and the button on the task that made it."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink

PREFIX = "/barograph"
ROUTE = "barograph"


def page_id(site: str, day: str) -> str:
    """Names a day's report in addresses. Nothing of a path is in it, so nothing can be smuggled in by it."""
    return hashlib.sha256(f"{site}\0{day}".encode()).hexdigest()[:20]


def in_airflow(path: str) -> str:
    """The address of one of our pages inside Airflow's frame."""
    from airflow.sdk.configuration import conf

    base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{base}/plugin/{ROUTE}{base}{PREFIX}{path}"


class ReportLink(BaseOperatorLink):
    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        made = XCom.get_value(ti_key=ti_key, key="return_value")
        return in_airflow(f"/reports/{page_id(made['site'], made['day'])}") if made else ""
