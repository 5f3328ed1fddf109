"""Read every site's contacts.yaml together: all mistakes in one listing, and what was good last stays in force."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from barograph import documents, registry
from barograph.documents import Document
from barograph.errors import DocumentError, SettingsError
from barograph.notify.contacts import (
    Book,
    Contact,
    Contacts,
    Placed,
    Sited,
    web_address,
)
from barograph.registry import Site
from barograph.rules.book import read_rules
from barograph.settings import Settings
from barograph.state.system_alarms import SYSTEM_RULES

FILE = "contacts.yaml"

Read = TypeVar("Read")
Raw = dict[str, Any]


def read_book(settings: Settings) -> Book:
    """Raises DocumentError that lists every mistake of all files, a line each."""
    mistakes: list[str] = []
    sites = _tried(mistakes, lambda: registry.read_sites(settings.sites_folder)) or []
    files = [home.with_name(FILE) for home in sorted(settings.sites_folder.glob("*/site.yaml"))]
    documents_ = {path: _tried(mistakes, partial(documents.load, path)) for path in files if path.exists()}
    found = {
        path: _tried(mistakes, partial(documents.validated, document, Contacts))
        for path, document in documents_.items()
        if document
    }
    whole = bool(sites) and all(documents_.values())
    mistakes += _about_each_other(settings, sites, [each for each in documents_.values() if each], whole)
    if mistakes:
        raise DocumentError("\n".join(mistakes))
    return Book(
        contacts={
            contact.contact: Placed(site=site.site, timezone=site.timezone, contact=contact)
            for path, site in zip(files, sites, strict=True)
            for contact in _of(found.get(path))
        },
        sites={site.site: _sited(site) for site in sites},
    )


def signature(settings: Settings) -> tuple[object, ...]:
    """Other than before whenever one of the files, or a secret, may be another."""
    files = sorted(settings.sites_folder.glob("*/*.yaml"))
    watched = [path for path in files if path.name in (FILE, "site.yaml")]
    return tuple(_mark(path) for path in [*watched, settings.secrets_folder])


def good(settings: Settings) -> Path:
    """Where the last contacts without a mistake are kept."""
    return settings.path("run", "contacts.json")


def remember(path: Path, book: Book) -> None:
    """Keep what was good for the next start. It names secrets, and holds none."""
    beside = path.with_suffix(".tmp")
    beside.touch(mode=0o600)
    beside.write_text(book.model_dump_json(by_alias=True), encoding="utf-8")
    beside.replace(path)


def remembered(path: Path) -> Book | None:
    try:
        return Book.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def _tried(mistakes: list[str], read: Callable[[], Read]) -> Read | None:
    """What was read, or None and more mistakes in the list."""
    try:
        return read()
    except DocumentError as error:
        # A URL that is wrong because a password stands in it is not to be shown.
        mistakes += [re.sub(r"(\.url: .*) \(found .*\)\.$", r"\1.", line) for line in str(error).splitlines()]
        return None


def _of(contacts: Contacts | None) -> Sequence[Contact]:
    return contacts.contacts if contacts else ()


def _sited(site: Site) -> Sited:
    devices = {device.device: (device.label, device.zone) for device in site.devices}
    return Sited(name=site.name, timezone=site.timezone, devices=devices)


def _about_each_other(
    settings: Settings, sites: Iterable[Site], files: Sequence[Document], whole: bool
) -> Iterator[str]:
    """What names something that is not there. Looks at what was written, so that one mistake hides no other.

    `whole`: all sites and files could be read; else nobody can say what there is not.
    """
    every = [(document, ("contacts", n), raw) for document in files for n, raw in _listed(document.data, "contacts")]
    names = [str(raw.get("contact")) for _, _, raw in every]
    known: dict[str, Collection[str]] = {
        "sites": {site.site for site in sites},
        "zones": {device.zone for site in sites for device in site.devices},
        "rules": _rules(settings),
    }
    for number, (document, here, raw) in enumerate(every):
        if names[number] in names[:number]:
            yield document.problem((*here, "contact"), f"{names[number]} is there already. Names are of all sites.")
        for index, step in _listed(raw, "escalate") if whole else ():
            if isinstance(to := step.get("to"), str) and to not in names:
                yield document.problem((*here, "escalate", index, "to"), f"there is no contact {to}.{_hint(to, names)}")
        for part, field in (*(("alarms", field) for field in known), ("reports", "sites")) if whole else ():
            wanted, there = raw.get(part), known[field]
            said = wanted.get(field) if isinstance(wanted, dict) else None
            for index, name in enumerate(said if isinstance(said, list) else ()):
                if isinstance(name, str) and name not in there and not any(letter in name for letter in "*?["):
                    place = (*here, part, field, index)
                    yield document.problem(place, f"there is no {field[:-1]} {name}.{_hint(name, there)}")
        for index, channel in _listed(raw, "channels"):
            for field, problem in _of_channel(settings, channel):
                yield document.problem((*here, "channels", index, field), problem)


def _listed(raw: Any, field: str) -> Iterator[tuple[int, Raw]]:
    """The mappings of a list, as far as they are some."""
    found = raw.get(field) if isinstance(raw, dict) else None
    for index, each in enumerate(found if isinstance(found, list) else ()):
        if isinstance(each, dict):
            yield index, each


def _of_channel(settings: Settings, channel: Raw) -> Iterator[tuple[str, str]]:
    """(field, what is wrong)"""
    if channel.get("kind") == "mail" and not settings.mail.host:
        yield "kind", "settings.yaml names no mail server: mail: {host: ...}."
    for field in ("secret", "url_secret"):
        name = channel.get(field)
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_\-]{0,49}", name):
            continue  # said already, or not there
        if problem := _secret(settings, name):
            yield field, problem
        elif field == "url_secret" and (problem := _wrong_url(settings.secret(name))):
            yield field, f"what the secret {name} holds {problem}."


def _rules(settings: Settings) -> set[str]:
    """Names of all rules there are; a rules.yaml with mistakes is refused by who judges with it."""
    found = set(SYSTEM_RULES)
    for path in settings.sites_folder.glob("*/site.yaml"):
        try:
            found |= {rule.rule for rule in read_rules(path.parent).rules}
        except DocumentError:
            continue
    return found


def _secret(settings: Settings, name: str) -> str:
    try:
        if settings.secret(name):
            return ""
    except SettingsError as error:
        if "read by others" in str(error):
            return str(error)
        return f"there is no secret {name}. Put it into {settings.secrets_folder / name}, mode 600."
    return f"the secret {name} is empty: {settings.secrets_folder / name}."


def _wrong_url(url: str) -> str:
    try:
        web_address(url)
    except ValueError as error:
        return str(error)
    return ""


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else f" There are: {', '.join(sorted(known)) or 'none'}."


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return path, None
    return path, found.st_mtime_ns, found.st_size


def host_of(url: str) -> str:
    """What of a URL may be shown: whoever knows the rest of it may be let in."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"
