"""What we measure is a table: checks, chart labels and the simulator all read it. A new metric is a new line."""

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    `valid` is the range that a working sensor can report, in `unit`: what lies outside is flagged FAIL.
    `resolution` is the smallest step that a sensor is expected to show.
    All that follows are limits of quality tests, which a measuring point can override; None: no such test.
    """

    name: str
    unit: str
    valid: tuple[float, float]
    resolution: float
    label: str
    expected: tuple[float, float] | None = None
    """What lies outside can be measured, and is SUSPECT."""
    spike: tuple[float, float] | None = None
    """How far a value alone may stand out: beyond the first SUSPECT, beyond the second FAIL."""
    rate: float | None = None
    """The most that it changes in a minute."""
    recovery: float | None = None
    """Seconds after too fast a change until a sensor is at what surrounds it again."""
    flat: float | None = None
    """Seconds for which a sensor that is finer than `resolution` never says the same."""
    gap: float | None = 20.0
    """Cadences of silence after which the next reading says so."""
    warm_up: float | None = None
    """Seconds after its start for which a sensor is not to be trusted."""
    error_codes: tuple[float, ...] = ()
    """Values by which sensors say that they failed."""


# docs/quality.md says where each number is from.
METRICS = (
    # Air
    Metric(
        "temperature", unit="°C", valid=(-90, 125), resolution=0.1, label="Temperature",
        expected=(-90, 80), spike=(3, 10), rate=5, recovery=180, flat=2400, error_codes=(-127,),
    ),
    Metric("indoor_temperature", unit="°C", valid=(-60, 85), resolution=0.1, label="Temperature indoors"),
    Metric("dew_point", unit="°C", valid=(-100, 60), resolution=0.1, label="Dew point"),
    Metric("wind_chill", unit="°C", valid=(-100, 60), resolution=0.1, label="Wind chill"),
    Metric("heat_index", unit="°C", valid=(-60, 100), resolution=0.1, label="Heat index"),
    Metric(
        "humidity", unit="%", valid=(0, 100), resolution=1.0, label="Relative humidity",
        expected=(1, 100), spike=(10, 30), rate=15, recovery=180, flat=2400,
    ),
    Metric("indoor_humidity", unit="%", valid=(0, 100), resolution=1.0, label="Relative humidity indoors"),
    Metric(
        "pressure", unit="hPa", valid=(300, 1100), resolution=0.1, label="Air pressure",
        expected=(500, 1085), spike=(2, 10), rate=1, flat=2400,
    ),
    Metric("relative_pressure", unit="hPa", valid=(850, 1100), resolution=0.1, label="Air pressure at sea level"),
    Metric(
        "co2", unit="ppm", valid=(0, 40_000), resolution=1.0, label="Carbon dioxide",
        expected=(300, 10_000), spike=(1_000, 5_000), warm_up=180,
    ),
    Metric("pm1", unit="µg/m³", valid=(0, 10_000), resolution=0.1, label="Particulate matter PM1"),
    Metric("pm2_5", unit="µg/m³", valid=(0, 10_000), resolution=0.1, label="Particulate matter PM2.5"),
    Metric("pm4", unit="µg/m³", valid=(0, 10_000), resolution=0.1, label="Particulate matter PM4"),
    Metric("pm10", unit="µg/m³", valid=(0, 10_000), resolution=0.1, label="Particulate matter PM10"),
    Metric("voc_index", unit="", valid=(0, 500), resolution=1.0, label="Volatile organic compounds, index"),
    Metric("nox_index", unit="", valid=(0, 500), resolution=1.0, label="Nitrogen oxides, index"),
    Metric("iaq", unit="", valid=(0, 500), resolution=1.0, label="Indoor air quality, index"),
    # Wind, rain, sun
    Metric("wind_speed", unit="m/s", valid=(0, 120), resolution=0.1, label="Wind speed"),
    Metric("wind_speed_average", unit="m/s", valid=(0, 120), resolution=0.1, label="Wind speed, average"),
    Metric("wind_speed_min", unit="m/s", valid=(0, 120), resolution=0.1, label="Wind speed, lowest"),
    Metric("wind_speed_max", unit="m/s", valid=(0, 120), resolution=0.1, label="Wind speed, highest"),
    Metric("wind_gust", unit="m/s", valid=(0, 120), resolution=0.1, label="Wind gust"),
    Metric("wind_direction", unit="°", valid=(0, 360), resolution=1.0, label="Wind direction"),
    Metric("wind_direction_min", unit="°", valid=(0, 360), resolution=1.0, label="Wind direction, leftmost"),
    Metric("wind_direction_max", unit="°", valid=(0, 360), resolution=1.0, label="Wind direction, rightmost"),
    Metric("wind_gust_direction", unit="°", valid=(0, 360), resolution=1.0, label="Direction of the gust"),
    Metric("rain", unit="mm", valid=(0, 1_000_000), resolution=0.1, label="Rain, total"),
    Metric("rain_rate", unit="mm/h", valid=(0, 3_000), resolution=0.1, label="Rain rate"),
    Metric("rain_hour", unit="mm", valid=(0, 500), resolution=0.1, label="Rain of the hour"),
    Metric("rain_24h", unit="mm", valid=(0, 2_000), resolution=0.1, label="Rain of 24 hours"),
    Metric("rain_today", unit="mm", valid=(0, 2_000), resolution=0.1, label="Rain today"),
    Metric("rain_week", unit="mm", valid=(0, 10_000), resolution=0.1, label="Rain of the week"),
    Metric("rain_month", unit="mm", valid=(0, 20_000), resolution=0.1, label="Rain of the month"),
    Metric("rain_year", unit="mm", valid=(0, 50_000), resolution=0.1, label="Rain of the year"),
    Metric("light", unit="lx", valid=(0, 200_000), resolution=1.0, label="Light"),
    Metric("solar_radiation", unit="W/m²", valid=(0, 2_000), resolution=1.0, label="Solar radiation"),
    Metric("uv_index", unit="", valid=(0, 50), resolution=0.1, label="UV index"),
    # Soil and water
    Metric("soil_temperature", unit="°C", valid=(-90, 125), resolution=0.1, label="Soil temperature"),
    Metric("soil_humidity", unit="%", valid=(0, 100), resolution=1.0, label="Soil humidity"),
    Metric("water_temperature", unit="°C", valid=(-10, 125), resolution=0.1, label="Water temperature"),
    Metric("depth", unit="m", valid=(0, 12_000), resolution=0.1, label="Depth"),
    # Electricity and meters
    Metric("voltage", unit="V", valid=(0, 1_000), resolution=0.01, label="Voltage"),
    Metric("current", unit="A", valid=(-10_000, 10_000), resolution=0.01, label="Current"),
    Metric("power", unit="W", valid=(-100_000_000, 100_000_000), resolution=1.0, label="Power"),
    Metric("power_import", unit="W", valid=(0, 100_000_000), resolution=1.0, label="Power drawn"),
    Metric("power_export", unit="W", valid=(0, 100_000_000), resolution=1.0, label="Power delivered"),
    Metric("power_factor", unit="", valid=(-1, 1), resolution=0.01, label="Power factor"),
    Metric("energy", unit="kWh", valid=(0, 1_000_000_000), resolution=0.01, label="Energy"),
    Metric("energy_import", unit="kWh", valid=(0, 1_000_000_000), resolution=0.01, label="Energy drawn"),
    Metric("energy_export", unit="kWh", valid=(0, 1_000_000_000), resolution=0.01, label="Energy delivered"),
    Metric("frequency", unit="Hz", valid=(0, 1_000), resolution=0.01, label="Frequency"),
    Metric("volume", unit="m³", valid=(0, 1_000_000_000), resolution=0.001, label="Volume"),
    Metric("state_of_charge", unit="%", valid=(0, 100), resolution=1.0, label="State of charge"),
    Metric("low_battery", unit="", valid=(0, 1), resolution=1.0, label="Battery low"),
    # Places and movement
    Metric("latitude", unit="°", valid=(-90, 90), resolution=0.00001, label="Latitude"),
    Metric("longitude", unit="°", valid=(-180, 180), resolution=0.00001, label="Longitude"),
    Metric("altitude", unit="m", valid=(-500, 50_000), resolution=0.1, label="Altitude"),
    Metric("speed", unit="m/s", valid=(0, 1_000), resolution=0.1, label="Speed over ground"),
    Metric("course", unit="°", valid=(0, 360), resolution=0.1, label="Course over ground"),
    Metric("heading", unit="°", valid=(0, 360), resolution=0.1, label="Heading"),
    Metric("door", unit="", valid=(0, 1), resolution=1.0, label="Door open"),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}

PLACED = re.compile(r"(?P<name>.+?)(?P<place>(_tariff)?_l?[1-9]\d?)")
"""`temperature_2`, `voltage_l1`, `energy_import_tariff_1`: the same quantity at another place."""


def known(name: str) -> Metric | None:
    """The table's line for `name`, also where a channel, phase or tariff stands behind it; None if there is none."""
    found = BY_NAME.get(name)
    placed = None if found else PLACED.fullmatch(name)
    if placed and (same := BY_NAME.get(placed["name"])):
        return replace(same, name=name, label=f"{same.label}{placed['place'].replace('_', ' ').replace(' l', ' L')}")
    return found


def metric(name: str) -> Metric:
    """The same; a metric nobody registered has no unit and no limits."""
    return known(name) or Metric(name, unit="", valid=(-1.7e308, 1.7e308), resolution=0.0, label=name)
