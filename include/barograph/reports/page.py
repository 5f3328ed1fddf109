"""Write a report's page: one file with its style and charts in it. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from barograph.errors import ReportError
from barograph.reports.contents import Contents
from barograph.reports.words import EN_DASH

TEMPLATES = Path(__file__).parent / "templates"

UNQUOTED = " =:/;,()@!*+"
"""What may stand in an image's address as it is: a third less than base64."""

SHOWN = 8
"""Most findings of a kind on the first screen."""


def page(contents: Contents, own: Path | None = None) -> bytes:
    """`own`: a user's folder, in which a template of the name of one of ours replaces it. Raises ReportError."""
    data = contents.data
    files = [("summary.csv", "figures by device"), ("report.json", "for programs"), ("report.pdf", "to print")]
    if data.period.kind == "day":
        files.insert(0, ("readings.csv", "every reading"))
    say = data.voice.say
    try:
        text = (
            _environment(own)
            .get_template("report.html")
            .render(
                it=contents,
                data=data,
                findings=contents.findings,
                say=say,
                language=data.language,
                shown=SHOWN,
                downloads=[(name, say(what)) for name, what in files],
            )
        )
    except Exception as error:
        if own is None:
            raise
        raise ReportError(f"A template of {own} cannot be used: {error!r}. docs/report.md.") from error
    return text.encode("utf-8", "replace")


def mail_page(title: str, said: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """The body of a mail about a published report: `said` is its report.json, `pictures` are what `cid:` names."""
    return _environment(None).get_template("mail.html").render(title=title, said=said, pictures=pictures)


def _environment(own: Path | None) -> Environment:
    ours = FileSystemLoader(TEMPLATES)
    theirs = [FileSystemLoader(own)] if own is not None else []
    environment = Environment(
        # `ours/headline.html` is ours also where a user has one of that name, so that his can include it.
        loader=ChoiceLoader([*theirs, ours, PrefixLoader({"ours": ours})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A line must not end between the two times of a span.
    environment.filters["unbroken"] = lambda text: text.replace(EN_DASH, f"\N{WORD JOINER}{EN_DASH}\N{WORD JOINER}")
    environment.filters["uri"] = lambda svg: "data:image/svg+xml," + quote(svg.replace(b"\n", b" "), safe=UNQUOTED)
    # A list of sources ends at a space.
    environment.filters["uri64"] = lambda svg: "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    environment.globals["style"] = lambda: Markup(environment.get_template("style.css").render())  # noqa: S704, ours
    return environment
