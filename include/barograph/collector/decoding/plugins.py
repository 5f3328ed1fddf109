"""Decoders of others, for what no declaration can say: found among the entry points `barograph.formats`.

    class MyMeter:
        def __init__(self, key: str = "") -> None: ...          # `options` of the format
        def decode(self, payload: bytes) -> list[tuple[str | None, datetime | None, dict[str, float | None]]]: ...

    [project.entry-points."barograph.formats"]
    my-meter = "my_package:MyMeter"

What it returns is checked like anything that came over a wire; what it raises costs the frame and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any, Protocol

from barograph.collector.decoding.devices import checked
from barograph.collector.decoding.fields import counted
from barograph.collector.decoding.numbers import EXACT, finite
from barograph.collector.decoding.result import LONGEST_NAME, METRIC, Around, Decoded, Reader
from barograph.collector.formats import PluginFormat
from barograph.errors import DocumentError, FrameError
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, Value

GROUP = "barograph.formats"


class Plugin(Protocol):
    def decode(self, payload: bytes) -> Iterable[tuple[str | None, datetime | None, dict[str, Any]]]:
        """Device (None: the port's), time (None: that of arrival, else with a zone), and values by metric."""


def plugin_reader(declared: PluginFormat) -> Reader:
    """Raises DocumentError if there is no such plugin, or it cannot be made with these options."""
    plugin = _made(declared)

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        raw = payload.decode() if payload.isascii() else payload.hex()
        try:
            found = list(plugin.decode(payload))[: MAX_FRAMES_PER_MESSAGE + 1]
        except FrameError:
            raise
        except Exception as error:
            raise FrameError("no_fields", f"{declared.plugin} failed: {error!r}"[:200]) from error
        if len(found) > MAX_FRAMES_PER_MESSAGE:
            raise FrameError("too_long", f"more than {MAX_FRAMES_PER_MESSAGE} frames")
        for each in found:
            _keep(each, around, None if decoded.frames else raw, decoded, declared.plugin)
        if not found:
            decoded.ignored = f"{declared.plugin} found no measurement"

    return read


def _keep(told: Any, around: Around, raw: str | None, decoded: Decoded, name: str) -> None:
    try:
        device, moment, content = told
        who = checked(device if device is not None else around.device)
        if moment is not None:
            if not isinstance(moment, datetime) or moment.tzinfo is None:
                raise FrameError("bad_time", f"{moment!r}"[:LONGEST_NAME])
            moment = moment.astimezone(UTC)
        items = list(counted(dict(content).items()))
    except FrameError as error:
        decoded.refuse(error, None)
        return
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameError("no_fields", f"{name} gave no (device, time, values): {error}"[:200]) from error
    values: dict[str, Value] = {}
    for metric, value in items:
        try:
            values[_metric(metric)] = _value(value)
        except FrameError as error:
            decoded.refuse(error, who, str(metric))
    if values:
        decoded.frames.append(Frame(device=who, values=values, time=moment, raw=raw))


def _metric(told: Any) -> str:
    if not isinstance(told, str) or not METRIC.fullmatch(told):
        raise FrameError("bad_metric", repr(told)[:LONGEST_NAME])
    return told


def _value(told: Any) -> Value:
    if told is None or isinstance(told, bool):
        return told
    if isinstance(told, int) and -EXACT <= told <= EXACT:
        return int(told)
    try:
        return finite(float(told)) if isinstance(told, int | float) else _no_number(told)
    except OverflowError as error:
        raise FrameError("not_finite", "too large for a float64") from error


def _no_number(told: Any) -> float:
    raise FrameError("not_a_number", f"a {type(told).__name__}")


def _made(declared: PluginFormat) -> Plugin:
    found = list(entry_points(group=GROUP, name=declared.plugin))
    if not found:
        there = ", ".join(sorted(each.name for each in entry_points(group=GROUP))) or "none"
        raise DocumentError(
            f"plugin {declared.plugin}: nothing installed here offers it as an entry point of {GROUP}. "
            f"Installed are: {there}. Install the package that has it beside barograph."
        )
    try:
        loaded = found[0].load()
        plugin: Any = loaded(**declared.options) if isinstance(loaded, type) or declared.options else loaded
    except Exception as error:
        raise DocumentError(
            f"plugin {declared.plugin} ({found[0].value}) cannot be made: {error!r}. Are its options right?"
        ) from error
    if not callable(getattr(plugin, "decode", None)):
        raise DocumentError(f"plugin {declared.plugin} ({found[0].value}) has no decode(payload).")
    return plugin  # type: ignore[no-any-return]
