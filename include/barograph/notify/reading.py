"""Read every site's contacts.yaml together: all mistakes in one listing, and what was good last stays in force."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from barograph import documents, registry
from barograph.documents import Document
from barograph.errors import DocumentError, SettingsError
from barograph.notify.contacts import (
    Book,
    Contact,
    Contacts,
    MailChannel,
    Placed,
    Sited,
    WebhookChannel,
    web_address,
)
from barograph.registry import Site
from barograph.rules.model import read_rules
from barograph.settings import Settings
from barograph.state.system_alarms import SYSTEM_RULES

FILE = "contacts.yaml"

Read = TypeVar("Read")
Entry = tuple[Document, int, Site, Contact]
"""Where a contact stands, and what it says."""


def read_book(settings: Settings) -> Book:
    """Raises DocumentError that lists every mistake of all files, a line each."""
    mistakes: list[str] = []
    sites = _tried(mistakes, lambda: registry.read_sites(settings.sites_folder)) or []
    files = {home.with_name(FILE): None for home in sorted(settings.sites_folder.glob("*/site.yaml"))}
    site_of = dict(zip(files, sites, strict=True)) if sites else files
    entries: list[Entry] = []
    for path, site in site_of.items():
        if path.exists() and (document := _tried(mistakes, partial(documents.load, path))):
            found = _tried(mistakes, partial(documents.validated, document, Contacts))
            if found and site:
                entries += [(document, place, site, contact) for place, contact in enumerate(found.contacts)]
    mistakes += _about_each_other(settings, sites, entries, bool(mistakes))
    if mistakes:
        raise DocumentError("\n".join(mistakes))
    return Book(
        contacts={
            contact.contact: Placed(site=site.site, timezone=site.timezone, contact=contact)
            for _, _, site, contact in entries
        },
        sites={site.site: _sited(site) for site in sites},
    )


def signature(settings: Settings) -> tuple[object, ...]:
    """Other than before whenever one of the files, or a secret, may be another."""
    files = sorted(settings.sites_folder.glob("*/*.yaml"))
    watched = [path for path in files if path.name in (FILE, "site.yaml")]
    return tuple(_mark(path) for path in [*watched, settings.secrets_folder])


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
    """What was read, or None and one more mistake in the list."""
    try:
        return read()
    except DocumentError as error:
        mistakes += str(error).splitlines()
        return None


def _sited(site: Site) -> Sited:
    devices = {device.device: (device.label, device.zone) for device in site.devices}
    return Sited(name=site.name, timezone=site.timezone, devices=devices)


def _about_each_other(
    settings: Settings, sites: Iterable[Site], entries: list[Entry], some_missing: bool
) -> Iterator[str]:
    names = [contact.contact for _, _, _, contact in entries]
    zones = {device.zone for site in sites for device in site.devices}
    rules = _rules(settings, sites)
    for number, (document, place, _, contact) in enumerate(entries):
        here = ("contacts", place)
        if contact.contact in names[:number]:
            yield document.problem((*here, "contact"), f"{contact.contact} is there already. Names are of all sites.")
        for index, step in enumerate(contact.escalate):
            if step.to not in names and not some_missing:
                yield document.problem(
                    (*here, "escalate", index, "to"), f"there is no contact {step.to}.{_hint(step.to, names)}"
                )
        for field, said, known in (
            ("sites", contact.alarms.sites, {site.site for site in sites}),
            ("zones", contact.alarms.zones, zones),
            ("rules", contact.alarms.rules, rules),
        ):
            for index, name in enumerate(said):
                if name not in known and not any(letter in name for letter in "*?["):
                    yield document.problem(
                        (*here, "alarms", field, index), f"there is no {field[:-1]} {name}.{_hint(name, known)}"
                    )
        for index, channel in enumerate(contact.channels):
            for name in channel.secrets():
                if problem := _secret(settings, name):
                    yield document.problem((*here, "channels", index, _field(channel, name)), problem)
            if isinstance(channel, MailChannel) and not settings.mail.host:
                yield document.problem(
                    (*here, "channels", index, "kind"), "settings.yaml names no mail server: mail: {host: ...}."
                )
            if isinstance(channel, WebhookChannel) and channel.url_secret:
                problem = _checked(settings, channel.url_secret, web_address)
                if problem:
                    yield document.problem((*here, "channels", index, "url_secret"), problem)


def _rules(settings: Settings, sites: Iterable[Site]) -> set[str]:
    """Names of all rules there are; a rules.yaml with mistakes is refused by who judges with it."""
    found = set(SYSTEM_RULES)
    for path in settings.sites_folder.glob("*/site.yaml"):
        try:
            found |= {rule.rule for rule in read_rules(path.parent)}
        except DocumentError:
            continue
    return found


def _field(channel: object, secret: str) -> str:
    return "url_secret" if getattr(channel, "url_secret", None) == secret else "secret"


def _secret(settings: Settings, name: str) -> str:
    try:
        if settings.secret(name):
            return ""
    except SettingsError as error:
        if "read by others" in str(error):
            return str(error)
        return f"there is no secret {name}. Put it into {settings.secrets_folder / name}, mode 600."
    return f"the secret {name} is empty: {settings.secrets_folder / name}."


def _checked(settings: Settings, secret: str, check: Callable[[str], str]) -> str:
    try:
        check(settings.secret(secret))
    except SettingsError:
        return ""  # said already
    except ValueError as error:
        return f"what the secret {secret} holds {error}."
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
