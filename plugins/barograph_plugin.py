"""What Airflow loads: the pages, their places in its menus, and the operator link."""

from barograph_airflow.plugin import PLUGIN

__all__ = ["PLUGIN"]
