"""A payload and its declared format to frames. Pure: what is wrong is returned or raised, never guessed.

    payload --reader of its kind--> record {name: as sent} --fields--> Frame(device, time, values)

One bad value costs itself, not its neighbours; a payload that is no frame at all raises FrameError.
"""

from __future__ import annotations

from collections.abc import Callable

from barograph.collector.decoding.binary import binary_reader, bytes_reader, records_reader, tagged_reader
from barograph.collector.decoding.choices import choice_reader, nothing_reader, several_reader
from barograph.collector.decoding.headers import named_reader
from barograph.collector.decoding.objects import json_reader
from barograph.collector.decoding.plugins import plugin_reader
from barograph.collector.decoding.result import Around, Bad, Decoded, Reader
from barograph.collector.decoding.sentences import sentence_reader
from barograph.collector.decoding.texts import columns_reader, pairs_reader, placed_reader, regex_reader
from barograph.collector.formats import (
    BinaryFormat,
    BytesFormat,
    ChoiceFormat,
    ColumnsFormat,
    DelimitedFormat,
    Format,
    JsonFormat,
    Like,
    Nmea0183Format,
    Nothing,
    PairsFormat,
    PluginFormat,
    RecordsFormat,
    RegexFormat,
    SeveralFormat,
    TaggedFormat,
)
from barograph.errors import FrameError

__all__ = ["VERSION", "Bad", "Decoded", "Decoder", "decode", "decoder", "inner"]

VERSION = "2"
"""Goes with every reject, so that an old one can be decoded again by a newer decoder."""

KEPT = 1024
"""Decoders that `decode` keeps ready."""


class Decoder:
    """A format put together once. It belongs to one port: header lines of a table are remembered between payloads."""

    def __init__(self, declared: Format) -> None:
        """Raises DocumentError for a plugin that is not there."""
        self.declared = declared
        self._read = _reader(declared)
        self._around = Around()

    def __call__(self, payload: bytes, device: str | None = None) -> Decoded:
        """Read one payload. `device` is whose it is when the payload does not say. Raises FrameError.

        A frame's `time` is None where the payload has none. Its raw form goes with the first frame.
        """
        decoded = Decoded()
        if device != self._around.device:
            self._around = Around(device)
        try:
            self._read(payload, self._around, decoded)
        except RecursionError as error:
            raise FrameError("no_fields", "it is nested too deeply") from error
        return decoded


def decoder(declared: Format) -> Decoder:
    """Put a format together for one port. Raises DocumentError."""
    return Decoder(declared)


def decode(payload: bytes, declared: Format, device: str | None = None) -> Decoded:
    """The same for whoever reads a payload now and then; a port has a decoder of its own. Raises FrameError."""
    kept = _kept.get(id(declared))
    if kept is None or kept.declared is not declared:
        if len(_kept) >= KEPT:
            _kept.clear()
        kept = _kept[id(declared)] = Decoder(declared)
    return kept(payload, device)


_kept: dict[int, Decoder] = {}


def _reader(declared: Format | Nothing | Like) -> Reader:
    match declared:
        case DelimitedFormat():
            return placed_reader(declared) if isinstance(declared.columns, list) else named_reader(declared)
        case ChoiceFormat():
            chosen = {name: _reader(inner(one, declared)) for name, one in declared.kinds.items()}
            return choice_reader(declared, chosen, _reader(inner(declared.otherwise, declared)))
        case SeveralFormat():
            return several_reader([_reader(inner(one, declared)) for one in declared.of])
        case BytesFormat():
            return bytes_reader(declared, _reader(inner(declared.of, declared)))
        case RecordsFormat():
            return records_reader(declared, _reader(inner(declared.of, declared)))
        case Like():
            raise AssertionError("resolved by the choice it stands in")
    return MAKERS[type(declared)](declared)


Holder = ChoiceFormat | SeveralFormat | BytesFormat | RecordsFormat


def inner(one: Format | Nothing | Like, around: Holder) -> Format | Nothing | Like:
    """What is inside, with the device and time of what is around it unless it has its own."""
    if isinstance(one, Nothing | Like | PluginFormat):
        return one
    told = {name: getattr(around, name) for name in ("device", "time") if not getattr(one, name)}
    return one.model_copy(update=told)


MAKERS: dict[type, Callable[..., Reader]] = {
    JsonFormat: json_reader,
    PairsFormat: pairs_reader,
    RegexFormat: regex_reader,
    ColumnsFormat: columns_reader,
    BinaryFormat: binary_reader,
    TaggedFormat: tagged_reader,
    Nmea0183Format: sentence_reader,
    PluginFormat: plugin_reader,
    Nothing: nothing_reader,
}
