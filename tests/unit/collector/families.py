"""Families of recorded vectors: which shipped format reads them, and what their words for values are in ours.

The table of docs/formats.md is made of this list; `test_vectors` holds both against the recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Vector = dict[str, Any]
Told = dict[str, float | None]
GJ = 1 / 0.0036
"""Kilowatt hours."""


@dataclass(frozen=True)
class Wanted:
    """What must come of one vector: values by metric, and more where the vector says more."""

    format: str
    stream: bytes
    values: Told = field(default_factory=dict)
    devices: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    frames: int | None = None
    others: dict[str, Told] = field(default_factory=dict)
    """Values of devices that the frame tells of beside its own."""
    damaged: frozenset[str] = frozenset()
    """Values that must not come, while their neighbours do."""


@dataclass(frozen=True)
class Family:
    """One file of vectors."""

    file: str
    what: str
    formats: str
    read: int = 0
    passed_over: int = 0
    refused: int = 0
    note: str = ""
    code: str = ""
    """Why no declaration can read it; then none of its vectors is tried."""
    wanted: Callable[[Vector], Wanted] | None = None


def bytes_of(vector: Vector) -> bytes:
    text = vector.get("text", vector.get("reply"))
    return bytes.fromhex(vector["hex"]) if text is None else text.encode("latin-1")


def line_of(vector: Vector, end: bytes = b"\r\n") -> bytes:
    content = bytes_of(vector)
    return content if content.endswith((b"\r", b"\n")) else content + end


def renamed(expect: Told, names: dict[str, str], convert: dict[str, Callable[[float], float]] | None = None) -> Told:
    """Their words and units as ours."""
    found: Told = {}
    for theirs, value in expect.items():
        if theirs in names:
            change = (convert or {}).get(theirs)
            found[names[theirs]] = change(value) if change and value is not None else value
    return found


def celsius_of_fahrenheit(value: float) -> float:
    return (value - 32) * 5 / 9


def celsius_of_kelvin(value: float) -> float:
    return value - 273.15


def times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


# Each family's own words


def w1(vector: Vector) -> Wanted:
    return Wanted(
        "ds18b20-w1-slave", bytes_of(vector), renamed(vector.get("expect", {}), {"temperature_c": "temperature"})
    )


P1 = {
    "ELECTRICITY_IMPORTED_TOTAL": "energy_import",
    "ELECTRICITY_EXPORTED_TOTAL": "energy_export",
    "ELECTRICITY_ACTIVE_TARIFF": "tariff",
    "CURRENT_ELECTRICITY_USAGE": "power_import",
    "CURRENT_ELECTRICITY_DELIVERY": "power_export",
    "ACTUAL_TRESHOLD_ELECTRICITY": "power_threshold",
    "ACTUAL_SWITCH_POSITION": "switch_position",
    "SHORT_POWER_FAILURE_COUNT": "power_failures",
    "LONG_POWER_FAILURE_COUNT": "long_power_failures",
    "FUSE_THRESHOLD_L1": "fuse_threshold",
    "BELGIUM_CURRENT_AVERAGE_DEMAND": "average_demand",
    "BELGIUM_MAXIMUM_DEMAND_MONTH": "maximum_demand_month",
    "ELECTRICITY_REACTIVE_IMPORTED_TOTAL": "reactive_energy_import",
    "ELECTRICITY_REACTIVE_EXPORTED_TOTAL": "reactive_energy_export",
    "CURRENT_REACTIVE_IMPORTED": "reactive_power_import",
    "CURRENT_REACTIVE_EXPORTED": "reactive_power_export",
}
for _tariff in "1234":
    P1[f"ELECTRICITY_USED_TARIFF_{_tariff}"] = f"energy_import_tariff_{_tariff}"
    P1[f"ELECTRICITY_DELIVERED_TARIFF_{_tariff}"] = f"energy_export_tariff_{_tariff}"
    P1[f"ELECTRICITY_REACTIVE_IMPORTED_TARIFF_{_tariff}"] = f"reactive_energy_import_tariff_{_tariff}"
    P1[f"ELECTRICITY_REACTIVE_EXPORTED_TARIFF_{_tariff}"] = f"reactive_energy_export_tariff_{_tariff}"
for _phase in "123":
    P1[f"VOLTAGE_SAG_L{_phase}_COUNT"] = f"voltage_sags_l{_phase}"
    P1[f"VOLTAGE_SWELL_L{_phase}_COUNT"] = f"voltage_swells_l{_phase}"
    P1[f"INSTANTANEOUS_VOLTAGE_L{_phase}"] = f"voltage_l{_phase}"
    P1[f"INSTANTANEOUS_CURRENT_L{_phase}"] = f"current_l{_phase}"
    P1[f"INSTANTANEOUS_ACTIVE_POWER_L{_phase}_POSITIVE"] = f"power_import_l{_phase}"
    P1[f"INSTANTANEOUS_ACTIVE_POWER_L{_phase}_NEGATIVE"] = f"power_export_l{_phase}"
P1_UNITS = {"Wh": 1e-3, "W": 1e-3, "varh": 1e-3, "var": 1e-3, "GJ": GJ, "MJ": GJ / 1000}


def p1(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    values: Told = {}
    when: set[str] = set()
    meters: dict[str, Told] = {}
    for name, told in expect.items():
        if name == "P1_MESSAGE_TIMESTAMP":
            when.add(told["value"])
        elif name in P1:
            watts = 1000 if P1[name].startswith(("power_import", "power_export")) else 1
            values[P1[name]] = float(told["value"]) * P1_UNITS.get(told["unit"], 1) * watts
            when |= {told["datetime"]} if "datetime" in told else set()
    for meter in expect.get("MBUS_DEVICES", []):
        for told in meter.values():
            if isinstance(told, dict) and "datetime" in told:
                metric = "energy" if told["unit"].endswith("J") else "volume"
                value = told["value"] * P1_UNITS.get(told["unit"], 1)
                meters[f"port-{meter['CHANNEL_ID']}"] = {metric: value}
                when.add(told["datetime"])
    frames = 2 * expect["telegrams"] if "telegrams" in expect else None  # electricity and gas
    return Wanted("dsmr-p1", bytes_of(vector), values, times=frozenset(when), frames=frames, others=meters)


def esp3(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    values: Told = {}
    if "temperature_c" in expect:
        values["temperature"] = 40 - expect["raw"] * 40 / 255
    if "contact" in expect:
        values["door"] = {"open": 1, "closed": 0}[expect["contact"]]
    if "dbm" in expect:
        values["rssi"] = expect["dbm"]
    devices = frozenset([expect["sender"]]) if "sender" in expect else frozenset[str]()
    return Wanted("enocean-esp3", bytes_of(vector), values, devices)


UART_FORMATS = {
    "MCU680": "mcu680", "PMSx003": "plantower", "PMS3003": "plantower", "PMS5003S": "plantower-pms5003s",
    "PMS5003ST": "plantower", "PMS5003T": "plantower-pms5003t", "SDS01x": "nova-sds", "SDS198": "nova-sds",
    "MHZ19B": "winsen-mhz19", "ZH0xx": "winsen-zh0", "HPMA115S0": "honeywell-hpma115",
    "HPMA115C0": "honeywell-hpma115", "SPS30": "sensirion-sps30",
}  # fmt: skip
UART = {
    "temp": "temperature", "rhum": "humidity", "pres": "pressure", "IAQ": "iaq", "gas": "gas_resistance",
    "alt": "altitude", "raw01": "pm1_cf1", "raw25": "pm2_5_cf1", "raw10": "pm10_cf1", "pm01": "pm1", "pm25": "pm2_5",
    "pm04": "pm4", "pm10": "pm10", "pm100": "pm100", "n0_3": "particles_0_3", "n0_5": "particles_0_5",
    "n1_0": "particles_1", "n2_5": "particles_2_5", "n4_0": "particles_4", "n5_0": "particles_5",
    "n10_0": "particles_10", "HCHO": "formaldehyde", "CO2": "co2", "diam": "typical_size",
}  # fmt: skip


def uart(vector: Vector) -> Wanted:
    # IAQ_acc is left out on purpose: see the note of the family.
    return Wanted(UART_FORMATS[vector["sensor"]], bytes_of(vector), renamed(vector["expect"] or {}, UART))


OBIS = {"1.8.0": "energy_import", "1.7.0": "power_import", "C.1": "meter_number"}


def d0(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    values: Told = {}
    for code, told in expect.get("values", {}).items():
        short = code.removesuffix("*255").removeprefix("1-0:")
        values[OBIS.get(short, short)] = float(told) * (1000 if short == "1.7.0" else 1)
    return Wanted("iec62056-21", bytes_of(vector), values, frames=expect.get("telegrams"))


INSTRUMENTS = {
    "LakeShore 211": ("lakeshore", b"\r\n"),
    "Oxford MercuryiTC": ("oxford-mercury", b"\r\n"),
    "HCP TC038": ("hcp-tc038", b""),
    "Thyracont VSM": ("thyracont", b"\r"),
}


def instrument(vector: Vector) -> Wanted:
    name, end = INSTRUMENTS[vector["device"]]
    names = {
        "temperature_k": "temperature", "temperature_c": "temperature", "current_a": "current",
        "voltage_v": "voltage", "on": "alarm_enabled", "high": "alarm_high", "low": "alarm_low",
        "deadband": "alarm_deadband", "latch": "alarm_latching",
    }  # fmt: skip
    return Wanted(name, line_of(vector, end), renamed(vector["expect"], names, {"temperature_k": celsius_of_kelvin}))


def modbus(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    pdu = bytes.fromhex(expect.get("pdu", ""))
    values: Told = {}
    if pdu and pdu[0] in (3, 4) and len(pdu) == pdu[1] + 2:
        words = [int.from_bytes(pdu[at : at + 2]) for at in range(2, len(pdu) - 1, 2)]
        values = {f"register_{number}": word for number, word in enumerate(words)}
    elif pdu and pdu[0] >= 0x80:
        values = {"exception_code": pdu[1]}
    devices = frozenset([f"port-{expect['device']}"]) if values else frozenset[str]()
    return Wanted(f"modbus-{vector['framing']}", bytes_of(vector), values, devices)


def nmea(vector: Vector) -> Wanted:
    expect = vector["expect"]
    apparent = "apparent_" if expect.get("reference") == "R" else ""
    names = {
        "wind_angle": f"{apparent}wind_angle", "temperature": "temperature", "altitude": "altitude",
        "quality": "gps_quality", "pressure_pa": "pressure", "air_temp_k": "temperature",
        "water_temp_k": "water_temperature", "humidity": "humidity", "abs_humidity": "absolute_humidity",
        "dew_point_k": "dew_point", "wind_dir_true_rad": "wind_direction", "dir_true_rad": "wind_direction",
        "wind_dir_mag_rad": "wind_direction_magnetic", "dir_mag_rad": "wind_direction_magnetic",
        "wind_speed_ms": f"{apparent}wind_speed", "speed_ms": "wind_speed", "wind_speed": f"{apparent}wind_speed",
        "angle_rad": f"{apparent}wind_angle",
    }  # fmt: skip
    degrees = times(57.29577951308232)
    convert = {
        "pressure_pa": times(0.01), "air_temp_k": celsius_of_kelvin, "water_temp_k": celsius_of_kelvin,
        "dew_point_k": celsius_of_kelvin, "humidity": times(100), "abs_humidity": times(100),
        "wind_dir_true_rad": degrees, "wind_dir_mag_rad": degrees, "dir_true_rad": degrees, "dir_mag_rad": degrees,
        "angle_rad": lambda value: degrees(value) % 360,
        "wind_speed": times({"N": 1852 / 3600, "M": 1, "K": 1 / 3.6}.get(expect.get("unit", ""), 1)),
    }  # fmt: skip
    values = renamed(expect, names, convert)
    if "lat" in expect:
        values["latitude"] = _degrees(expect["lat"], expect["lat_dir"])
        values["longitude"] = _degrees(expect["lon"], expect["lon_dir"])
    when = frozenset([expect["datetime"]]) if "datetime" in expect else frozenset[str]()
    return Wanted("nmea0183", line_of(vector), values, times=when)


def _degrees(told: str, hemisphere: str) -> float:
    whole, minutes = divmod(float(told), 100)
    return (whole + minutes / 60) * (-1 if hemisphere in "SW" else 1)


def opentherm(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    names = {"ch_enabled": "ch_enabled", "dhw_enabled": "dhw_enabled", "cooling": "cooling_enabled"}
    names |= {"value": expect.get("message", "").replace(" ", "_"), "value_c": "exhaust_temperature"}
    return Wanted("opentherm-gateway", line_of(vector), renamed(expect, names))


def rfxcom(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    names = {
        "temperature_c": "temperature", "humidity": "humidity", "rain_total_mm": "rain", "temp1_c": "temperature",
        "temp2_c": "temperature_2", "direction": "wind_direction", "average_speed": "wind_speed", "gust": "wind_gust",
        "battery": "battery_level", "rssi": "rssi",
    }  # fmt: skip
    packet = vector["hex"][2:4]
    devices = frozenset([f"{packet}-{expect['id'].replace(':', '')}"]) if "id" in expect else frozenset[str]()
    return Wanted("rfxcom", bytes_of(vector), renamed(expect, names), devices)


def rtl433(vector: Vector) -> Wanted:
    expect = vector["expect"]
    names = {"temperature_C": "temperature", "battery_V": "voltage", "rain_mm": "rain", "temperature_F": "temperature"}
    values = renamed(expect, {**{name: name for name in expect}, **names}, {"temperature_F": celsius_of_fahrenheit})
    device = "-".join(str(part) for part in vector["device"] if part is not None)
    return Wanted("rtl433", line_of(vector), values, frozenset([device]))


def ruuvi(vector: Vector) -> Wanted:
    expect = dict(vector["expect"])
    if vector.get("note"):  # every value of this vector is "not available"
        expect.update(movement_counter=None, measurement_sequence_number=None)
    same = ["humidity", "temperature", "pressure", "acceleration_x", "acceleration_y", "acceleration_z", "tx_power"]
    names = {name: name for name in [*same, "movement_counter", "measurement_sequence_number", "co2"]}
    names |= {"battery": "voltage", "pm_2_5": "pm2_5", "voc": "voc_index", "nox": "nox_index", "luminosity": "light"}
    names |= {"calibration_in_progress": "calibration_in_progress"}
    devices = frozenset([expect["mac"]]) if "mac" in expect else frozenset[str]()
    return Wanted("ruuvi", vector["hex"].encode() + b"\n", renamed(expect, names, {"battery": times(0.001)}), devices)


def sdi12(vector: Vector) -> Wanted:
    expect = vector.get("expect", {})
    values: Told = {f"value_{number}": value for number, value in enumerate(expect.get("values", []), 1)}
    values |= {name: float(expect[name]) for name in ("seconds", "count", "version") if name in expect}
    devices = frozenset([f"port-{expect['address']}"]) if expect else frozenset[str]()
    return Wanted("sdi12", line_of(vector), values, devices)


WXT = {
    "Dn": "wind_direction_min", "Dm": "wind_direction", "Dx": "wind_direction_max", "Sn": "wind_speed_min",
    "Sm": "wind_speed", "Sx": "wind_speed_max", "Ta": "temperature", "Ua": "humidity", "Pa": "pressure", "Rc": "rain",
    "Th": "heating_temperature", "Vh": "heating_voltage", "Vs": "voltage", "Vr": "reference_voltage",
}  # fmt: skip


def wxt(vector: Vector) -> Wanted:
    values = {WXT[name]: told["value"] for name, told in vector.get("expect", {}).items()}
    damaged = frozenset(["wind_direction_min"]) if "expect_error" in vector else frozenset[str]()
    return Wanted("vaisala-wxt", line_of(vector), values, damaged=damaged)


STATIONS = {
    "peet": (
        "ultimeter",
        {
            "windSpeed_mph": "wind_speed", "windDir_deg": "wind_direction", "outTemp_f": "temperature",
            "rain_total_in": "rain", "barometer_inHg": "pressure", "inTemp_f": "indoor_temperature",
            "outHumidity": "humidity", "inHumidity": "indoor_humidity", "day_of_year": "day_of_year",
            "minute_of_day": "minute_of_day", "daily_rain": "rain_today", "wind_average": "wind_speed_average",
        },
    ),
    "davis": (
        "davis-loop",
        {
            "barometer_inHg": "pressure", "inTemp_f": "indoor_temperature", "inHumidity": "indoor_humidity",
            "outTemp_f": "temperature", "outHumidity": "humidity", "windSpeed": "wind_speed",
            "windDir": "wind_direction", "uv": "uv_index", "solar": "solar_radiation", "rainDay": "rain_today",
            "rainYear_in": "rain_year", "batteryVolts": "voltage",
        },
    ),
    "ecowitt": (
        "ecowitt-gw1000",
        {
            "intemp_c": "indoor_temperature", "inhumid": "indoor_humidity", "absbarometer": "pressure",
            "relbarometer": "relative_pressure", "pm251": "pm2_5_1", "soilmoist1": "soil_moisture_1",
            "soilmoist2": "soil_moisture_2", "temp1_c": "temperature_1", "humid1": "humidity_1",
            "temp2_c": "temperature_2", "humid2": "humidity_2", "lightningcount": "lightning_count",
            "lightningdist": "lightning_distance",
        },
    ),
    "lacrosse": (
        "lacrosse-jeelink",
        {
            "sensor_type": "sensor_type", "temperature_c": "temperature", "humidity": "humidity",
            "new_battery": "new_battery", "low_battery": "low_battery",
        },
    ),
    "connected": (
        "connected-seeds",
        {
            "light_lux": "light", "air_temp_c": "temperature", "air_humidity": "humidity",
            "soil_temp_c": "soil_temperature", "soil_humidity": "soil_humidity", "pressure_mbar": "pressure",
            "voltage": "voltage",
        },
    ),
}  # fmt: skip


def station(vector: Vector) -> Wanted:
    name, names = STATIONS[vector["id"].split("-")[0]]
    convert = {
        "windSpeed_mph": times(0.44704), "outTemp_f": celsius_of_fahrenheit, "inTemp_f": celsius_of_fahrenheit,
        "rain_total_in": times(25.4), "rainYear_in": times(25.4), "barometer_inHg": times(33.86388640341),
    }  # fmt: skip
    values = renamed(vector["expect"], names, convert)
    when = frozenset([vector["expect"]["time"] + "+00:00"]) if "time" in vector["expect"] else frozenset[str]()
    return Wanted(name, bytes_of(vector) if "hex" in vector else line_of(vector), values, times=when)


FAMILIES = [
    Family("ds18b20_w1_slave", "Linux `w1_slave` of a DS18B20", "ds18b20-w1-slave", 6, 0, 2, wanted=w1,
           note="two whose `t=` does not agree with the scratchpad are read as the kernel says"),
    Family("dsmr_p1", "DSMR P1 telegrams", "dsmr-p1", 8, 0, 2, wanted=p1,
           note="also Fluvius, Sagemcom T210-D, a heat meter and EasyMeter Q3D; of Belgium's 13 months only the "
                "running one, since the others are the past"),
    Family("enocean_esp3", "EnOcean ESP3", "enocean-esp3", 2, 1, 1, wanted=esp3,
           note="A5-02-05 and D5-00-01, also F6-02 and D2-01; other profiles are told by the sender's address"),
    Family("environment_sensor_uart", "Plantower, BME680 (MCU680), Nova, Winsen",
           "plantower, plantower-pms5003s, plantower-pms5003t, mcu680, nova-sds, winsen-mhz19, winsen-zh0, "
           "sensirion-sps30, honeywell-hpma115, honeywell-hpma115-auto, honeywell-hpma115c0-auto", 50, wanted=uart,
           note="the accuracy of the MCU680's index is read where its maker has it (high half of byte 11: 0); "
                "the vectors have it from byte 12"),
    Family("iec62056_21_readouts", "IEC 62056-21 (D0) readouts", "iec62056-21", 4, 0, 1, wanted=d0,
           note="one is a data set without its telegram: read as a payload"),
    Family("instrument_replies", "Replies of instruments",
           "lakeshore, oxford-mercury, oxford-itc503, hcp-tc038, thyracont, mks-937b", 6, 2, wanted=instrument,
           note="a type or an identity is no reading"),
    Family("modbus_frames", "Modbus RTU, ASCII, TCP", "modbus-rtu, modbus-ascii, modbus-tcp", 5, 4, 3, wanted=modbus,
           note="what registers mean is the device's: they are register_0, register_1, ...; questions are passed over"),
    Family("nmea0183_weather", "NMEA 0183", "nmea0183", 9, 1, wanted=nmea),
    Family("opentherm_gateway", "OpenTherm gateway", "opentherm-gateway", 3, 0, 2, wanted=opentherm),
    Family("rfxcom_packets", "RFXCOM RFXtrx433", "rfxcom", 4, 0, 1, wanted=rfxcom),
    Family("rtl433_json_lines", "rtl_433 JSON", "rtl433", 5, wanted=rtl433),
    Family("ruuvi_payloads", "Ruuvi 3, 5, 6", "ruuvi", 5, wanted=ruuvi,
           note="also C5 and E1; a counter of all ones is `not available`, as the maker says"),
    Family("sdi12_answers", "SDI-12", "sdi12", 5, 0, 1, wanted=sdi12),
    Family("vaisala_wxt", "Vaisala WXT", "vaisala-wxt", 5, 0, 1, wanted=wxt,
           note="of the damaged line only the damaged value is refused"),
    Family("weather_station_packets", "Ultimeter, Davis LOOP, Ecowitt, LaCrosse, Connected Seeds",
           "ultimeter, davis-loop, ecowitt-gw1000, lacrosse-jeelink, connected-seeds", 6, 1, wanted=station),
    Family("mbus_frames", "Wired M-Bus (EN 13757)", "",
           code="each value says in a chain of bytes how long it is, what it is and how it is scaled, and frames of "
                "several telegrams belong together"),
    Family("mbus_error_frames", "Wired M-Bus, damaged", "", code="as the good ones"),
    Family("sml_meter_dumps", "SML (Smart Message Language)", "",
           code="a tree of lists whose depth and types are told by the data itself"),
    Family("wmbus_telegrams", "Wireless M-Bus", "",
           code="most are encrypted (AES-128), the rest is M-Bus; some makers have formats of their own"),
]  # fmt: skip

RECORDINGS = {
    "vedirect/bluesolar_1.23.dump": ("ve-direct", 248, "HEX messages within blocks are taken out"),
    "vaisala/wxt536_test.out": ("vaisala-wxt", 13, "and one line of nonsense refused"),
    "campbell/Station_Daily.TOA5.dat": ("campbell-toa5", 57, ""),
    "seabird/TSG_PIR_010.cnv": ("seabird-cnv", 602, "the header is read too"),
    "nmea/humminbird-M37.log": ("nmea0183", 98, ""),
    "nmea/nmea-fuzzy-cases.log": ("nmea0183", 28, ""),
    "nmea/pypilot.log": ("nmea0183", 29, ""),
    "nmea/tnt-revolution.log": ("nmea0183", 60, ""),
    "nmea2000/130311.raw": ("nmea2000-canboat", 8, ""),
    "nmea2000/mixed-format.in": ("nmea2000-canboat", 5, "messages of several frames are passed over"),
    "nmea2000/invalid-pgn-test.in": ("nmea2000-canboat", 0, "numbers that no message has are passed over"),
    "nmea2000/short-frame.in": ("nmea2000-canboat", 0, "messages of several frames are passed over"),
}
"""Whole recordings: format, and frames that they have."""

NOT_READ = {
    "campbell/CSIXML_Station_Daily.dat": "values have the names of an XML header far above them: needs code",
    "nmea2000/* (messages of several frames)": "their frames belong together, and come between others: needs code",
}


def table() -> str:
    """As it stands in docs/formats.md."""
    lines = [
        "| family | vectors | shipped formats | read | no reading | refused as they must be | |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in FAMILIES:
        formats = ", ".join(f"`{name}`" for name in each.formats.split(", ")) if each.formats else "-"
        counts = "needs code | | " if each.code else f"{each.read} | {each.passed_over or ''} | {each.refused or ''}"
        lines.append(f"| {each.what} | {each.file} | {formats} | {counts} | {each.code or each.note} |")
    for path, (name, frames, note) in RECORDINGS.items():
        lines.append(f"| recording | {path} | `{name}` | {frames} | | | {note} |")
    for path, why in NOT_READ.items():
        lines.append(f"| recording | {path} | - | needs code | | | {why.removesuffix(': needs code')} |")
    return "\n".join(lines)
