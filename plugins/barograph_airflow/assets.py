"""What the DAGs hand to each other, for the lineage graph; schedules are by time."""

from __future__ import annotations

from airflow.sdk import Asset

SENSORS = Asset("sensors", uri="barograph://kafka/readings", group="barograph")
RECORD = Asset("record", uri="barograph://archive/record", group="barograph")
VIEW = Asset("influxdb", uri="barograph://influxdb", group="barograph")
DERIVED = Asset("derived", uri="barograph://archive/derived", group="barograph")
REPORTS = Asset("reports", uri="barograph://reports", group="barograph")
BACKUPS = Asset("backups", uri="barograph://backups", group="barograph")
