"""What a port's `sim://` url asks for, as a scenario with that one port.

sim://fridge?seed=7&cadence=5&noise=1e-4          a device of a kind
sim://csv?file=cellar.csv&time=when&value=celsius  rows of a file
sim://scenario?file=bad-day.yaml&port=wall         one port of a scenario
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from barograph.collector.formats import Format
from barograph.collector.simulation.scenario import KINDS, Prepared, Scenario, read_scenario
from barograph.errors import DocumentError
from barograph.registry import Port

SIM = "sim"
ALWAYS = {
    "seed": "another one is another device",
    "speed": "60x: a minute in a second",
    "start": "2026-11-22T08:00:00Z; now unless said",
    "length": "10m; until the port is closed unless said",
    "ledger": "a file for all that was sent",
}
OF_DEVICES = {
    "cadence": "seconds between two frames; 1 unless said",
    "device": "its name; the port's unless said",
    "devices": "how many; their names end in -1, -2 ...",
    "zone": "of a room: sales, storage, office, kitchen",
    "metrics": "temperature,humidity instead of those of its kind",
    "noise": "the probability that a bit is turned round, 1e-4",
    "half": "the share of frames that are cut",
    "duplicate": "the share of frames that are said twice",
    "reorder": "the share of frames that come behind the next one",
}
OF_CSV = {
    "file": "a CSV file with a header, in the site's folder",
    "time": "the column of times; the first one unless said",
    "value": "the column of values; all others unless said",
    "metric": "what that column is; its own name unless said",
    "unit": "of that column, such as degF",
    "every": "seconds between two rows; their own distance unless said",
}
OF_SCENARIOS = {
    "file": "a scenario, in the site's folder",
    "port": "which of its ports; the one of this name unless said",
}
CHANCES = {"noise": "rate", "half": "chance", "duplicate": "chance", "reorder": "chance"}
HOSTS = (*KINDS, "csv", "scenario")


def parameters(host: str) -> dict[str, str]:
    """What may be said behind the `?`, and what it is."""
    if host == "scenario":
        return {**OF_SCENARIOS, **ALWAYS}
    return {**(OF_CSV if host == "csv" else {}), **OF_DEVICES, **ALWAYS}


def prepared_for(port: Port, declared: Format, folder: Path) -> tuple[Prepared, Path | None]:
    """The scenario, and where its ledger is written. Files lie in `folder`. Raises DocumentError."""
    told = urlsplit(port.url)
    host, given = told.netloc + unquote(told.path), dict(parse_qsl(told.query, keep_blank_values=True))
    where = f"Port {port.port} ({port.url})"
    if host not in HOSTS:
        raise DocumentError(f"{where}: nothing is simulated by the name {host!r}. There are {', '.join(HOSTS)}.")
    allowed = parameters(host)
    unknown = sorted(given.keys() - allowed.keys())
    if unknown:
        listed = "; ".join(f"{name} ({what})" for name, what in allowed.items())
        raise DocumentError(f"{where}: `{unknown[0]}` is no parameter of sim://{host}. There are: {listed}.")
    ledger = folder / given.pop("ledger") if "ledger" in given else None
    if host == "scenario":
        return _of_scenario(port, declared, folder, given, where), ledger
    if host == "csv" and not given.get("file"):
        raise DocumentError(f"{where}: needs `file`, {OF_CSV['file']}.")
    try:
        return Prepared(Scenario.model_validate(_scenario(port, host, given)), {port.port: declared}, folder), ledger
    except ValidationError as error:
        raise DocumentError(_told(where, error, allowed)) from error


def _scenario(port: Port, host: str, given: dict[str, str]) -> dict[str, Any]:
    """As it would stand in a file."""
    return {
        **{name: given[name] for name in ("seed", "speed", "start", "length") if name in given},
        "ports": [_outlet(port)],
        "devices": [
            {
                "device": name,
                **({"csv": _playback(given)} if host == "csv" else {"kind": host}),
                **{key: given[key] for key in ("cadence", "zone") if key in given},
                **({"metrics": given["metrics"].split(",")} if "metrics" in given else {}),
            }
            for name in _names(port, given)
        ],
        "faults": [{"fault": name, how: given[name]} for name, how in CHANCES.items() if name in given],
    }


def _outlet(port: Port) -> dict[str, Any]:
    return {"port": port.port, "format": port.format, "baud": port.baud, "device": port.device, "poll": port.poll}


def _names(port: Port, given: dict[str, str]) -> list[str]:
    if port.poll and port.poll.devices:
        return list(port.poll.devices)
    name = given.get("device") or port.device or port.port
    many = given.get("devices", "1")
    if not many.isdecimal() or not 1 <= int(many) <= 1000:
        raise DocumentError(f"Port {port.port} ({port.url}): devices={many} is no number from 1 to 1000.")
    return [name] if int(many) == 1 else [f"{name}-{number}" for number in range(1, int(many) + 1)]


def _playback(given: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {name: given[name] for name in ("file", "time", "every") if name in given}
    column = given.get("value")
    if column:
        told["values"] = {column: given.get("metric", column)}
        if "unit" in given:
            told["units"] = {column: given["unit"]}
    return told


def _of_scenario(port: Port, declared: Format, folder: Path, given: dict[str, str], where: str) -> Prepared:
    if not given.get("file"):
        raise DocumentError(f"{where}: needs `file`, {OF_SCENARIOS['file']}.")
    whole = read_scenario(folder / given["file"])
    wanted = given.get("port", port.port)
    there = [outlet.port for outlet in whole.scenario.ports]
    if wanted not in there:
        raise DocumentError(
            f"{where}: the scenario has no port {wanted}. It has {', '.join(there)}: say which with port="
        )
    only = whole.scenario.model_dump(mode="python", by_alias=True, exclude_none=True)
    for name in ("seed", "speed", "start", "length"):
        if name in given:
            only[name] = given[name]
    # Here the site's own port says how it is listened to.
    only["ports"] = [_outlet(port)]
    only["devices"] = [
        {**device, "port": port.port}
        for device, told in zip(only["devices"], whole.scenario.devices, strict=True)
        if whole.outlet(told).port == wanted
    ]
    names = {device["device"] for device in only["devices"]}
    only["faults"] = [
        {**fault, "port": port.port} if fault.get("port") else fault
        for fault in only["faults"]
        if fault.get("port", wanted) == wanted and (fault.get("device") is None or fault["device"] in names)
    ]
    try:
        return Prepared(Scenario.model_validate(only), {port.port: declared}, whole.folder)
    except ValidationError as error:
        raise DocumentError(_told(where, error, parameters("scenario"))) from error


def _told(where: str, error: ValidationError, allowed: dict[str, str]) -> str:
    lines = []
    for found in error.errors():
        name = next((str(step) for step in reversed(found["loc"]) if str(step) in allowed), "")
        name = name or next((fault for fault in CHANCES if fault in found["loc"]), ".".join(map(str, found["loc"])))
        hint = f" It is {allowed[name]}." if name in allowed else ""
        message = found["msg"].removeprefix("Value error, ")
        value = "" if isinstance(found.get("input"), dict | list) else f" (found {found.get('input')!r})"
        lines.append(f"{where}: {name}: {message}{value}.{hint}")
    return "\n".join(lines)
