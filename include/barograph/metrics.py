"""What we measure is a table: checks, chart labels and the simulator all read it. A new metric is a new line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    `valid` is the range that a working sensor can report, in `unit`: what lies outside is flagged FAIL.
    `resolution` is the smallest step that a sensor is expected to show.
    """

    name: str
    unit: str
    valid: tuple[float, float]
    resolution: float
    label: str


METRICS = (
    Metric("temperature", unit="°C", valid=(-90, 125), resolution=0.1, label="Temperature"),
    Metric("humidity", unit="%", valid=(0, 100), resolution=1.0, label="Relative humidity"),
    Metric("pressure", unit="hPa", valid=(300, 1100), resolution=0.1, label="Air pressure"),
    Metric("light", unit="lx", valid=(0, 200_000), resolution=1.0, label="Light"),
    Metric("co2", unit="ppm", valid=(0, 40_000), resolution=1.0, label="Carbon dioxide"),
    Metric("voltage", unit="V", valid=(0, 1_000), resolution=0.01, label="Voltage"),
    Metric("door", unit="", valid=(0, 1), resolution=1.0, label="Door open"),
)

BY_NAME = {metric.name: metric for metric in METRICS}


def metric(name: str) -> Metric:
    """The table's line for `name`; a metric nobody registered has no unit and no limits."""
    return BY_NAME.get(name) or Metric(name, unit="", valid=(-1.7e308, 1.7e308), resolution=0.0, label=name)
