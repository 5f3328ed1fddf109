"""The inverse of decoding: what a board of a declared format would say. For the simulator and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from barograph.collector.decoding import inner
from barograph.collector.formats import (
    BinaryFormat,
    BytesFormat,
    ChoiceFormat,
    Column,
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
    TextPayload,
)
from barograph.collector.formats.fields import each_field
from barograph.collector.formats.framing import FixedFraming
from barograph.collector.frames import enveloped, own_tail
from barograph.collector.rendering.binary import binary_payload, names_of, stamp, tagged_payload
from barograph.collector.rendering.spelling import Unrenderable, spelled, taken_apart
from barograph.collector.rendering.texts import (
    Values,
    columns_payload,
    json_payload,
    pairs_payload,
    regex_payload,
    row_payload,
    sentence_payload,
    table_payloads,
)

__all__ = ["Unrenderable", "metrics_of", "payloads", "rendered", "spoken"]

Inside = Format | Nothing | Like
Name = TypeVar("Name", int | str, str)


def rendered(declared: Format, device: str, values: Values, at: datetime) -> bytes:
    """The bytes of a frame, or of as many as it takes to say all values.

    Cut and decoded they give the same device and values, and `at` where the format has a time. Raises Unrenderable.
    """
    return b"".join(spoken(declared, device, values, at))


def spoken(declared: Format, device: str, values: Values, at: datetime) -> list[bytes]:
    """The same, frame by frame; the header of a table, and what else is no frame, is a piece of its own."""
    try:
        return [enveloped(bytes(each), declared.frame) for each in payloads(declared, device, values, at)]
    except Unrenderable:
        raise
    except ValueError as error:
        raise Unrenderable(str(error)) from error


def payloads(declared: Format, device: str, values: Values, at: datetime) -> list[bytes]:
    """The same, without what the framing adds."""
    size = declared.frame.size if isinstance(declared.frame, FixedFraming) else None
    return _payloads(declared, device, values, at, size, own_tail(declared.frame))


def _payloads(declared: Inside, device: str, values: Values, at: datetime, size: int | None, tail: int) -> list[bytes]:
    try:
        return _together(declared, device, values, at, size, tail)
    except Unrenderable:
        if len(values) < 2:
            raise
    found: list[bytes] = []
    rest = dict(values)
    while rest:
        # As much at a time as goes together; a single value that does not go at all is told as it is.
        part: Values = {}
        said: list[bytes] = []
        for metric, value in rest.items():
            try:
                said = _together(declared, device, {**part, metric: value}, at, size, tail)
                part[metric] = value
            except Unrenderable:
                if not part and len(rest) == 1:
                    raise
        if not part:
            raise Unrenderable(f"there is no place for {', '.join(sorted(rest))}")
        found += said
        rest = {metric: value for metric, value in rest.items() if metric not in part}
    return found


def _together(
    declared: Inside, device: str, values: Values, at: datetime, size: int | None, tail: int
) -> list[bytes]:  # fmt: skip
    match declared:
        case ChoiceFormat():
            return _chosen(declared, device, values, at, size, tail)
        case SeveralFormat():
            kinds = [inner(one, declared) for one in declared.of]
            return _payloads(_fullest(kinds, values), device, values, at, size, tail)
        case BytesFormat():
            return [
                _spelled_bytes(declared, device, each).encode(declared.encoding)
                for each in _payloads(inner(declared.of, declared), device, values, at, None, 0)
            ]
        case RecordsFormat():
            record = _together(inner(declared.of, declared), device, values, at, declared.size, 0)[0]
            behind = bytes(max(tail, -(declared.until or 0)))
            return [bytes(declared.at) + bytes(record) + behind]
        case BinaryFormat():
            return [bytes(binary_payload(declared, device, values, at, size=size, tail=tail))]
        case TaggedFormat():
            return [bytes(tagged_payload(declared, device, values, at, tail))]
        case Nothing() | Like() | PluginFormat():
            raise Unrenderable(f"nothing can be said in the kind {declared.kind}")
    return [each.encode(declared.encoding) for each in _texts(declared, device, values, at)]


def _texts(declared: TextPayload, device: str, values: Values, at: datetime) -> list[str]:
    match declared:
        case JsonFormat():
            return [json_payload(declared, device, values, at)]
        case DelimitedFormat(columns=list()):
            return [row_payload(declared, device, values, at)]
        case DelimitedFormat():
            return table_payloads(declared, device, values, at)
        case ColumnsFormat():
            return [columns_payload(declared, device, values, at)]
        case PairsFormat():
            return [pairs_payload(declared, device, values, at)]
        case RegexFormat():
            return [regex_payload(declared, device, values, at)]
        case Nmea0183Format():
            return _sentences(declared, device, values, at)
    raise Unrenderable(f"nothing can be said in {type(declared).__name__}")


def _sentences(declared: Nmea0183Format, device: str, values: Values, at: datetime) -> list[str]:
    said = {
        name: frozenset(column.metric for _, column in each_field(sentence.fields) if column.metric)
        for name, sentence in declared.sentences.items()
    }
    return [
        sentence_payload(declared, name, declared.sentences[name], device, part, at)
        for name, part in _shared_out(values, said)
    ]


def _chosen(
    declared: ChoiceFormat, device: str, values: Values, at: datetime, size: int | None, tail: int
) -> list[bytes]:  # fmt: skip
    kinds, said = _kinds(declared)
    if not set(values) <= frozenset[str]().union(*said.values()):
        return _keeping([*kinds.values(), inner(declared.otherwise, declared)], device, values, at, size, tail)
    found = []
    for name, part in _shared_out(values, said):
        wanted = int(name) if declared.by.length else size
        for each in _payloads(kinds[name], device, part, at, wanted, tail):
            payload = bytearray(each)
            stamp(payload, declared.by, name)
            found.append(bytes(payload))
    return found


def _kinds(declared: ChoiceFormat) -> tuple[dict[Any, Inside], dict[Any, frozenset[str]]]:
    """What there is to choose from, and what each can say: found once, since it may be hundreds of registers."""
    kept = _kept.get(id(declared))
    if kept is None or kept[0] is not declared:
        if len(_kept) >= KEPT:
            _kept.clear()
        kinds = {name: inner(one, declared) for name, one in declared.kinds.items()}
        kept = _kept[id(declared)] = (declared, kinds, {name: metrics_of(one) for name, one in kinds.items()})
    return kept[1], kept[2]


KEPT = 1024
_kept: dict[int, tuple[ChoiceFormat, dict[Any, Inside], dict[Any, frozenset[str]]]] = {}


def _keeping(
    kinds: list[Inside], device: str, values: Values, at: datetime, size: int | None, tail: int
) -> list[bytes]:  # fmt: skip
    """The first kind that has a place for what is called something else each time."""
    for one in kinds:
        try:
            return _together(one, device, values, at, size, tail)
        except Unrenderable:
            continue
    raise Unrenderable(f"there is no place for {', '.join(sorted(values))}")


def _shared_out(values: Values, said: dict[Name, frozenset[str]]) -> list[tuple[Name, Values]]:
    """Who says which of the values: as few as can."""
    rest = dict(values)
    found = []
    while rest:
        name = max(said, key=lambda name: len(said[name] & rest.keys()))
        part = {metric: rest.pop(metric) for metric in list(rest) if metric in said[name]}
        if not part:
            raise Unrenderable(f"there is no place for {', '.join(sorted(rest))}")
        found.append((name, part))
    return found


def _fullest(kinds: list[Inside], values: Values) -> Inside:
    """Of those that read the same payload, the one that can say most of it."""
    return max(kinds, key=lambda one: len(metrics_of(one) & values.keys()))


def _spelled_bytes(declared: BytesFormat, device: str, content: bytes) -> str:
    text = content.hex().upper() if declared.spelled == "hex" else " ".join(map(str, content))
    if not declared.pattern:
        return text
    parts = next((found for each in declared.device if (found := taken_apart(each, device))), {})
    return spelled(declared.pattern, {**parts, "bytes": text})


def metrics_of(declared: Inside) -> frozenset[str]:
    """Which metrics a format can say, as far as it knows before it hears them."""
    columns: Sequence[Column]
    match declared:
        case ChoiceFormat() | SeveralFormat():
            kinds = declared.of.values() if isinstance(declared, ChoiceFormat) else declared.of
            more = [declared.otherwise] if isinstance(declared, ChoiceFormat) else []
            return frozenset().union(*(metrics_of(one) for one in [*kinds, *more]))
        case BytesFormat() | RecordsFormat():
            return metrics_of(declared.of)
        case BinaryFormat():
            return frozenset(name for field in declared.fields for name in names_of(field))
        case TaggedFormat():
            columns = [field for item in declared.of.values() for field in item.fields]
        case Nmea0183Format():
            return frozenset(
                column.metric
                for sentence in declared.sentences.values()
                for _, column in each_field(sentence.fields)
                if column.metric
            )
        case DelimitedFormat():
            columns = declared.listed
        case ColumnsFormat():
            columns = declared.fields
        case JsonFormat() | PairsFormat() | RegexFormat():
            columns = [column for _, column in each_field(declared.fields)]
        case _:
            return frozenset()
    return frozenset(column.metric for column in columns if column.metric)
