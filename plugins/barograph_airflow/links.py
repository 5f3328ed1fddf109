"""Where our pages are in Airflow: opaque ids for addresses, and the buttons on the tasks that made something."""

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


def page_id(site: str, key: str) -> str:
    """A report: `key` is its day, or `week-2026-W25` and the like."""
    return opaque(site, key)


def device_id(site: str, device: str) -> str:
    return opaque("device", site, device)


def address(path: str) -> str:
    """One of our pages, from the root of the host."""
    return f"{_base()}{PREFIX}{path}"


def in_airflow(path: str) -> str:
    """The same inside Airflow's frame."""
    return f"{_base()}/plugin/{ROUTE}{address(path)}"


def _base() -> str:
    from airflow.sdk.configuration import conf

    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


class ReportLink(BaseOperatorLink):
    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        made = XCom.get_value(ti_key=ti_key, key="return_value")
        return in_airflow(f"/reports/{page_id(made['site'], made.get('key', made['day']))}") if made else ""


class BacktestLink(BaseOperatorLink):
    name = "Back-test"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        made = XCom.get_value(ti_key=ti_key, key="return_value")
        return in_airflow(f"/backtests/{made['backtest']}") if made else ""


class _PageLink(BaseOperatorLink):
    """A button that leads to one page, whatever the task did."""

    path = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return in_airflow(self.path)


class BatchLink(_PageLink):
    name = "Ledger"
    path = "/data"


class DaysLink(_PageLink):
    name = "Calendar"
    path = "/reports"


class BackupLink(_PageLink):
    name = "Backups"
    path = "/health"


LINKS = (ReportLink(), BacktestLink(), BatchLink(), DaysLink(), BackupLink())
