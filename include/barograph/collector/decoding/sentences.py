"""Sentences of NMEA 0183. Only home of pynmea2."""

from __future__ import annotations

from typing import Any

from barograph.collector.decoding.fields import builder, unit_name
from barograph.collector.decoding.result import MOST_VALUES, Around, Decoded, Reader
from barograph.collector.decoding.texts import lists_builder, text_reader
from barograph.collector.formats import Nmea0183Format, Sentence
from barograph.collector.formats.base import TextPayload
from barograph.collector.formats.fields import each_field
from barograph.collector.formats.text import PLACE
from barograph.errors import FrameError


def sentence_reader(declared: Nmea0183Format) -> Reader:
    """Read a sentence, whose fields have the names that pynmea2 gives them; the numbers are read as all others.

    $WIMDA,,I,+0.985,B,+03.1,C,...*1A
      | |  `------ fields, by their place
      | `- sentence
      `- talker
    """
    import pynmea2  # type: ignore[import-untyped]

    readers = {name: _Said(declared, sentence) for name, sentence in declared.sentences.items()}

    def parsed(text: str) -> tuple[str, str, list[str], list[str]]:
        """Talker, sentence, its data and what pynmea2 calls them. Raises FrameError."""
        try:
            said: Any = pynmea2.parse(text)
        except pynmea2.SentenceTypeError:
            # One that pynmea2 has no names for; its fields go by their place.
            address, *data = text.lstrip("$!").partition("*")[0].split(",")
            return address[:-3], address[-3:], data, []
        except pynmea2.ChecksumError as error:
            raise FrameError("bad_checksum", str(error)[:80]) from error
        except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
            raise FrameError("no_fields", f"no sentence of NMEA 0183: {text[:40]!r}") from error
        names = [field[1] for field in said.fields]
        if hasattr(said, "sentence_type"):
            return said.talker, said.sentence_type, said.data, names
        maker = f"P{getattr(said, 'manufacturer', '')}"
        whole = maker + (said.data[0] if said.data else "")
        return maker, whole if whole in readers else maker, said.data, names

    def read(text: str, around: Around, decoded: Decoded) -> None:
        talker, kind, data, names = parsed(text)
        reader = readers.get(kind)
        if reader is None:
            decoded.ignored = f"{kind[:20]} is not declared"
            return
        data = [told.strip() for told in data[:MOST_VALUES]]
        record: dict[str, Any] = {str(place): told for place, told in enumerate(data, 1)}
        record.update(zip(names, data, strict=False))
        record.update(talker=talker, sentence=kind)
        reader.read(record, data, text, around, decoded)

    return text_reader(declared, read)


def field_names(sentence: str) -> list[str]:
    """What pynmea2 calls the fields of a sentence, in their order; none if it does not know it."""
    import pynmea2

    kind = pynmea2.TalkerSentence.sentence_types.get(sentence)
    return [field[1] for field in kind.fields] if kind else []


class _Said:
    """One kind of sentence, ready to be read."""

    def __init__(self, declared: Nmea0183Format, sentence: Sentence) -> None:
        self._empty_is_null = (sentence.empty or declared.empty) == "failed"
        self._groups = sentence.groups
        self._unit = sentence.unit
        who = {"device": declared.device, "time": sentence.time or declared.time, "nulls": declared.nulls}
        payload = TextPayload.model_construct(**{**TextPayload().__dict__, **who})
        if sentence.groups:
            self._build_list = lists_builder(payload, sentence.fields, sentence.unknown, sentence.units, "refuse")
        else:
            self._build = builder(each_field(sentence.fields), payload)
        self._nulls = {name for name, column in each_field(sentence.fields) if column.metric}

    def read(self, record: dict[str, Any], data: list[str], text: str, around: Around, decoded: Decoded) -> None:
        try:
            if self._groups:
                self._build_list(self._listed(data, self._groups), record, around, text, decoded)
            else:
                self._build(self._without_empty(record), around, text, decoded)
        except FrameError as error:
            if error.reason != "no_values":
                raise
            decoded.ignored = f"{record['sentence']} without a value"

    def _without_empty(self, record: dict[str, Any]) -> dict[str, Any]:
        """An empty field says nothing: it is no zero, and mostly a sensor that is not there."""
        return {name: told for name, told in record.items() if told or (self._empty_is_null and name in self._nulls)}

    def _listed(self, data: list[str], groups: list[str]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for begin in range(0, min(len(data), MOST_VALUES) - len(groups) + 1, len(groups)):
            group = dict(zip(groups, (each.strip() for each in data[begin:]), strict=False))
            name = group.get("key") or group.get("type") or str(begin // len(groups) + 1)
            if group.get("value"):
                told[name] = group["value"]
                told[unit_name(name)] = PLACE.sub(lambda found: group.get(found[1], ""), self._unit)  # noqa: B023
        return told
