"""What the pages are, and where Airflow shows them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from barograph.settings import load_settings
from barograph_airflow.links import LINKS, PREFIX, ROUTE


class BarographPlugin(AirflowPlugin):
    name = "barograph"
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Barograph",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": ROUTE,
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/icon.svg",
        },
        {
            "name": "Barograph",
            "href": f"{PREFIX}/dags/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "barograph-dag",
        },
        {
            "name": "Barograph",
            "href": f"{PREFIX}/runs/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "barograph-run",
        },
    ]
    operator_extra_links: ClassVar[list[Any]] = list(LINKS)

    # Every task process loads the plugin, but only the api-server asks for this: FastAPI costs seconds.
    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        from barograph_airflow.ui.app import create_app

        return [{"name": "Barograph", "app": create_app(load_settings()), "url_prefix": PREFIX}]


PLUGIN = BarographPlugin
