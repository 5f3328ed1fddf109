"""What a name, or the texts of one column, may mean: our vocabulary, and how others abbreviate it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from barograph.metrics import BY_NAME, known

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d+(,\d+)?")
NULL_WORDS = frozenset(
    ("", "nan", "na", "n/a", "null", "none", "-", "--", "---", "----", "err", "error", "inf", "#", "?")
)
NULL_NUMBERS = frozenset(
    ("-9999", "-999", "-999.9", "-99.9", "-127", "-127.0", "-127.00", "9999", "32767", "85.00", "65535")
)
SHORT = {
    "temperature": ("t", "ta", "temp", "tmp", "tempc", "temperaturec", "tc", "celsius", "airtemp", "outtemp", "degc"),
    "humidity": ("h", "rh", "hum", "humi", "ua", "relhum", "hr", "outhumidity"),
    "pressure": ("p", "pa", "pres", "press", "baro", "barometer", "hpa", "mbar", "airpressure"),
    "light": ("lux", "lx", "illuminance", "ldr", "als"),
    "co2": ("co2ppm", "eco2"),
    "voltage": ("v", "volt", "volts", "vbat", "vcc", "bat", "batt", "battery", "u", "vin", "batteryv"),
    "current": ("i", "amp", "amps", "ampere", "a"),
    "power": ("w", "watt", "watts"),
    "energy": ("kwh", "e"),
    "door": ("open", "contact", "reed"),
    "wind_speed": ("ws", "windspeed", "wind", "sm"),
    "wind_direction": ("wd", "winddir", "dir", "dm"),
    "wind_gust": ("gust", "windgust", "wg"),
    "rain": ("precip", "precipitation", "rainmm", "rc"),
    "pm2_5": ("pm25", "pm2"),
    "pm1": ("pm01", "pm1p0", "pm10_std"),
    "dew_point": ("dew", "dewpoint", "td"),
    "solar_radiation": ("solar", "radiation", "sr"),
    "uv_index": ("uv", "uvi"),
    "soil_temperature": ("soiltemp",),
    "soil_humidity": ("soil", "moisture", "soilmoisture"),
}
BY_SHORT = {short: name for name, shorts in SHORT.items() for short in shorts}
UNIT_WORDS = {
    "°c": "degC", "c": "degC", "degc": "degC", "°f": "degF", "f": "degF", "k": "K", "%": "percent", "%rh": "percent",
    "rh": "percent", "hpa": "hPa", "mbar": "mbar", "kpa": "kPa", "pa": "Pa", "mmhg": "mmHg", "inhg": "inHg", "v": "V",
    "mv": "mV", "a": "A", "ma": "mA", "w": "W", "kw": "kW", "wh": "Wh", "kwh": "kWh", "lx": "lx", "lux": "lx",
    "ppm": "ppm", "m/s": "m/s", "km/h": "km/h", "kmh": "km/h", "mph": "mph", "mm": "mm", "hz": "Hz", "s": "s", "m": "m",
}  # fmt: skip
IDENTITY = ("id", "device", "deviceid", "sensor", "sensorid", "name", "mac", "addr", "address", "station", "node",
            "nodeid", "serial", "serialnumber", "board", "unit", "dev", "host", "model", "type", "channel")  # fmt: skip
CLOCKS = ("time", "timestamp", "ts", "date", "datetime", "clock", "epoch", "utc", "when")
FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S", "%y%m%d%H%M%S", "%d-%m-%Y %H:%M:%S",
)  # fmt: skip
ISO = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(:?\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?")
DATE = {re.compile(r"\d{4}-\d\d-\d\d"): "%Y-%m-%d", re.compile(r"\d\d\.\d\d\.\d{4}"): "%d.%m.%Y",
        re.compile(r"\d\d/\d\d/\d{4}"): "%d/%m/%Y", re.compile(r"\d{4}/\d\d/\d\d"): "%Y/%m/%d"}  # fmt: skip
CLOCK = {re.compile(r"\d\d:\d\d:\d\d"): "%H:%M:%S", re.compile(r"\d\d:\d\d:\d\d\.\d+"): "%H:%M:%S.%f",
         re.compile(r"\d\d:\d\d"): "%H:%M"}  # fmt: skip


def squashed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def metric_of(name: str, unit: str = "") -> tuple[str, str] | None:
    """Our metric for their name, and how sure that is; None where nothing is like it."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if known(plain):
        return plain, ""
    short = squashed(name)
    if short in BY_SHORT:
        return BY_SHORT[short], f"guessed from the name `{name}`"
    numbered = re.fullmatch(r"(.+?)_?(\d{1,2})", plain)
    if numbered and (inner := metric_of(numbered[1])):
        return f"{inner[0]}_{int(numbered[2])}", f"guessed from the name `{name}`"
    for word in re.split(r"[^a-z0-9]+", name.lower()):
        if len(word) > 2 and (word in BY_NAME or word in BY_SHORT):
            return safe(name), ""
    near = difflib.get_close_matches(plain, BY_NAME, n=1, cutoff=0.85)
    return (near[0], f"guessed from the name `{name}`") if near else None


def safe(name: str) -> str:
    """A name that a metric may have."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:80] or "value"


def unit_of(text: str) -> str | None:
    return UNIT_WORDS.get(text.strip().strip("[]()").lower())


def is_number(text: str, decimal: str = ".") -> bool:
    text = text.strip()
    return bool((NUMBER if decimal == "." else COMMA_NUMBER).fullmatch(text))


def is_null(text: str) -> bool:
    return text.strip().lower() in NULL_WORDS


def time_of(texts: Sequence[str]) -> dict[str, str] | None:
    """How all of them tell a time, as a format says it; None where they do not."""
    texts = [text.strip() for text in texts if text.strip()]
    if not texts:
        return None
    if all(ISO.fullmatch(text) for text in texts) and all(_reads(text, None) for text in texts):
        return {}
    for pattern in FORMATS:
        if all(_reads(text, pattern) for text in texts):
            return {"format": pattern}
    if all(re.fullmatch(r"1[5-9]\d{8}(\.\d+)?|2[0-3]\d{8}(\.\d+)?", text) for text in texts):
        return {"unit": "seconds"}
    if all(re.fullmatch(r"(1[5-9]|2[0-3])\d{11}", text) for text in texts):
        return {"unit": "milliseconds"}
    return None


def part_of_time(texts: Sequence[str], parts: dict[re.Pattern[str], str]) -> str | None:
    """The pattern of a mere date, or a mere clock."""
    return next((how for shape, how in parts.items() if texts and all(shape.fullmatch(t.strip()) for t in texts)), None)


def _reads(text: str, pattern: str | None) -> bool:
    try:
        moment = datetime.fromisoformat(text) if pattern is None else datetime.strptime(text, pattern)  # noqa: DTZ007
    except ValueError:
        return False
    return 2000 <= moment.replace(tzinfo=moment.tzinfo or UTC).year <= 2099
