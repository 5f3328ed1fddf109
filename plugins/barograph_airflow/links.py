"""Where a report is in Airflow: opaque ids for addresses, and the button on the task that made it."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink

PREFIX = "/barograph"
ROUTE = "barograph"


def opaque(*names: str) -> str:
    """Stands for names in addresses. Nothing of a path is in it, so nothing can be smuggled in by it."""
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def page_id(site: str, day: str) -> str:
    """A day's report."""
    return opaque(site, day)


def device_id(site: str, device: str) -> str:
    return opaque("device", site, device)


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


class BacktestLink(BaseOperatorLink):
    name = "Back-test"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        made = XCom.get_value(ti_key=ti_key, key="return_value")
        return in_airflow(f"/backtests/{made['backtest']}") if made else ""
