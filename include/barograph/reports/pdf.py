"""The report on paper: A4, vector charts, text that can be searched. Same contents, same bytes. Only home of fpdf2."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, XPos, YPos
from matplotlib.font_manager import FontProperties, findfont

from barograph.reports.canvas import CHINESE_LETTERS, HAIR, INK, QUIET, chinese_font, writes
from barograph.reports.contents import Contents, Shown, Zone
from barograph.reports.words import plain

MARGIN, WIDTH, GUTTER = 14.0, 182.0, 6.0
"""Millimetres."""

FILLS = {"fine": (227, 240, 232), "events": (251, 233, 221), "incomplete": (245, 239, 217), "empty": (245, 239, 217)}

TABLED = 200
"""Rows of a zone's table on paper."""

VECTORS = 2_000_000
"""Bytes of drawings up to which paper has them as drawings. Beyond, dense ones are pictures: paper shows no more, and
each would take fpdf2 as long as ten pictures."""

BEYOND = re.compile("[\u2e80-\uffff\U00010000-\U0010ffff]")
"""Letters that DejaVu does not have: Chinese, emoji."""

DENSE = 12_000
"""Bytes of such a drawing."""

SAID = 12
"""Findings on paper."""


class Paper(FPDF):
    """A4 with the site at the head of each page and its number at the foot."""

    def __init__(self, contents: Contents) -> None:
        super().__init__(unit="mm", format="A4")
        self.contents = contents
        drawings = sum(len(chart.svg) for zone in contents.zones for group in zone.groups
                       for chart in (*group.devices, *group.zone))  # fmt: skip
        self.vectors = drawings <= VECTORS
        self.set_margins(MARGIN, 18, MARGIN)
        self.set_auto_page_break(True, margin=16)
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font("Sans", "", fonts / "DejaVuSans.ttf")
        self.add_font("Sans", "B", fonts / "DejaVuSans-Bold.ttf")
        for name in ("DejaVu Sans", "sans-serif"):  # what the charts ask for
            self.add_font(name, "", fonts / "DejaVuSans.ttf")
            self.add_font(name, "B", fonts / "DejaVuSans-Bold.ttf")
        if chinese := chinese_font():
            self.add_font("Chinese", "", findfont(FontProperties(family=chinese)))
            self.set_fallback_fonts(["Chinese"], exact_match=False)
        self.set_creation_date(contents.data.window.end)  # a date of the data: the same bytes whenever it is made
        self.set_title(_text(f"{contents.title}, {contents.date}"))
        self.set_lang("zh-CN" if contents.data.language == "zh" else "en-GB")
        self.set_producer("Barograph")

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_font("Sans", "", 7.5)
        self.ink(QUIET)
        self.set_y(9)
        self.cell(WIDTH, 4, _text(f"{self.contents.title} · {self.contents.date}"))
        self.set_y(18)

    def footer(self) -> None:
        self.set_y(-11)
        self.set_font("Sans", "", 7.5)
        self.ink(QUIET)
        say, data = self.contents.data.voice.say, self.contents.data
        page = say("page {page} of {pages}", page=self.page_no(), pages="{nb}")
        self.cell(WIDTH / 2, 4, _text(f"{say('Revision')} {self.contents.revision} · {data.fingerprint[:16]}"))
        self.cell(WIDTH / 2, 4, page, align="R")

    def ink(self, color: str) -> None:
        self.set_text_color(*(int(color[place : place + 2], 16) for place in (1, 3, 5)))

    def line_of(self, text: str, size: float = 9, bold: bool = False, color: str = INK, height: float = 4.6) -> None:
        self.set_font("Sans", "B" if bold else "", size)
        self.ink(color)
        self.multi_cell(WIDTH, height, _text(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, text: str, size: float = 12, room: float = 30) -> None:
        """Never alone at the foot of a page."""
        if self.will_page_break(room):
            self.add_page()
        self.ln(4)
        self.start_section(_text(text)) if size > 10 else None
        self.line_of(text, size, bold=True, height=6)
        self.ln(1)


def pdf(contents: Contents) -> bytes:
    with _quiet():
        paper = Paper(contents)
        paper.add_page()
        _headline(paper)
        _glance(paper)
        _alarms(paper)
        for zone in contents.zones if contents.data.rows else ():
            _zone(paper, zone)
        _quality(paper)
        _appendix(paper)
        return bytes(paper.output())


def _headline(paper: Paper) -> None:
    contents, findings = paper.contents, paper.contents.findings
    paper.line_of(contents.title, 13, bold=True, height=6.5)
    paper.line_of(contents.date, 10, color=QUIET)
    paper.ln(2)
    paper.set_fill_color(*FILLS[findings.verdict])
    paper.set_font("Sans", "B", 13)
    paper.ink(INK)
    text = _text(f"{contents.mark}  {findings.headline}")
    paper.multi_cell(WIDTH, 7, text, fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT, padding=(2, 4, 0, 4))
    paper.set_font("Sans", "", 9)
    text = _text(contents.reported)
    paper.multi_cell(WIDTH, 5, text, fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT, padding=(0, 4, 2, 4))
    paper.ln(2)
    paper.set_fill_color(255, 255, 255)
    for finding in findings.wrong[:SAID]:
        more = " · ".join(filter(None, [finding.note, finding.seen]))
        paper.line_of(f"▪ {finding}" + (f"  ({more})" if more else ""))
    for finding in findings.notes[:SAID]:
        paper.line_of(f"▫ {finding}", 8.5, color=QUIET)
    if contents.hint:
        paper.line_of(contents.hint, 8.5, color=QUIET)
    for line in contents.since.signoffs:
        paper.line_of(line, 8.5, bold=True)
    if contents.since.changes:
        say = contents.data.voice.say
        paper.line_of(say("What changed since revision {revision}", revision=contents.since.revision), 8.5, bold=True)
        for line in contents.since.changes:
            paper.line_of(f"▫ {line}", 8, color=QUIET, height=4)


def _glance(paper: Paper) -> None:
    contents, day = paper.contents, paper.contents.data.period.kind == "day"
    if contents.overview:
        say = contents.data.voice.say
        height = _tall(contents.overview[0].svg, WIDTH)
        if height < 225:
            paper.heading(say("The day at a glance") if day else say("The time at a glance"), room=height + 16)
            _picture(paper, contents.overview[0], paper.l_margin, WIDTH)
    if contents.drawn:
        paper.line_of(contents.drawn, 8.5, color=QUIET)


def _alarms(paper: Paper) -> None:
    contents = paper.contents
    if not contents.alarms:
        return
    say = contents.data.voice.say
    paper.heading(say("Alarms"))
    seen = any(alarm.seen for alarm in contents.alarms)
    names = [say(name) for name in ("Severity", "Where", "What", "When", "Duration", "Worst")]
    names += [say("Acknowledged")] * seen
    rows = [
        [alarm.severity, alarm.where, " — ".join(filter(None, [alarm.what, alarm.note])), alarm.when, alarm.lasted,
         alarm.worst] + [alarm.seen] * seen
        for alarm in contents.alarms
    ]  # fmt: skip
    _table(paper, names, rows, (16, 28, 40, 46, 20, 16, *[26] * seen), numbers={4, 5})


def _zone(paper: Paper, zone: Zone) -> None:
    say = paper.contents.data.voice.say
    paper.heading(zone.title, room=70)
    for group in zone.groups:
        paper.heading(group.title, 9.5, room=52)
        _grid(paper, group.devices)
        if group.zone:
            paper.ln(2)
            _grid(paper, group.zone)
    if zone.rows:
        names = [say("Device"), say("Metric"), *(heading for heading, _, _ in zone.rows[0].cells)]
        rows = [
            [row.label, row.metric, *(f"{value}\n{when}" if when else value for _, value, when in row.cells)]
            for row in zone.rows[:TABLED]
        ]
        paper.ln(3)
        _table(paper, names, rows, (34, 30, 17, 14, 14, 17, 15, 17, 17, 15), numbers=set(range(2, 10)), size=6.8)


def _grid(paper: Paper, shown: Sequence[Shown]) -> None:
    """Two charts beside each other."""
    width = (WIDTH - GUTTER) / 2
    for pair in (shown[start : start + 2] for start in range(0, len(shown), 2)):
        height = max(_tall(chart.svg, width) for chart in pair)
        remarks = 4 if any(chart.remarks for chart in pair) else 0
        if paper.will_page_break(height + remarks + 2):
            paper.add_page()
        top = paper.get_y()
        for place, chart in enumerate(pair):
            left = paper.l_margin + place * (width + GUTTER)
            paper.set_y(top)
            _picture(paper, chart, left, width)
            if chart.remarks:
                paper.set_xy(left, top + height)
                paper.set_font("Sans", "", 6.8)
                paper.ink(QUIET)
                paper.cell(width, 3.5, _text(chart.remarks, 70))
        paper.set_xy(paper.l_margin, top + height + remarks + 2)


def _quality(paper: Paper) -> None:
    contents = paper.contents
    if not contents.ledger:
        return
    say = contents.data.voice.say
    paper.heading(say("Data quality"))
    sums = contents.ledger
    text = f"{sums[0][1]} {sums[0][0]} = " + " + ".join(f"{sum_} {name}" for name, sum_ in sums[1:])
    balanced = contents.data.ledger is not None and contents.data.ledger.balanced
    paper.line_of(text + ("" if balanced else f"  ({say('does not balance')})"), 10)
    paper.ln(1)
    _facts(paper, [(name, "\n".join(lines)) for name, lines in contents.quality])


def _appendix(paper: Paper) -> None:
    contents = paper.contents
    say = contents.data.voice.say
    paper.heading(say("Appendix"))
    rules = "\n".join(f"{rule} ({severity}): {text}" for rule, severity, text in contents.rules) or say("none")
    text = say("Every number can be had again: settle, then make the report. The same record gives the same bytes.")
    _facts(paper, [*contents.facts, (say("Rules in force"), rules), (say("Rebuild"), f"{text}\n{contents.rebuild}")])


def _facts(paper: Paper, facts: Sequence[tuple[str, str]]) -> None:
    _table(paper, [], [[name, text] for name, text in facts], (36, WIDTH - 36), size=8)


def _table(
    paper: Paper,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    numbers: set[int] = frozenset(),  # type: ignore[assignment]
    size: float = 8,
) -> None:
    paper.set_font("Sans", "", size)
    paper.ink(INK)
    paper.set_draw_color(*(int(HAIR[place : place + 2], 16) for place in (1, 3, 5)))
    with paper.table(
        col_widths=widths,
        width=WIDTH,
        line_height=size * 0.47,
        padding=(0.7, 1, 0.7, 0),
        align="LEFT",
        text_align=tuple("RIGHT" if place in numbers else "LEFT" for place in range(len(widths))),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="", color=(93, 107, 118), fill_color=(255, 255, 255)),
        cell_fill_mode="NONE",
        first_row_as_headings=bool(names),
    ) as table:
        for cells in [names] if names else []:
            table.row([_text(cell) for cell in cells])
        for cells in rows:
            table.row([_text(cell, 400) for cell in cells])


def _picture(paper: Paper, shown: Shown, left: float, width: float) -> None:
    dense = not paper.vectors and len(shown.svg) > DENSE
    # In a drawing fpdf2 has one font for all letters; a picture was drawn with whichever has them.
    pictured = shown.png and (dense or BEYOND.search(shown.svg.decode()))
    paper.image(BytesIO(shown.png if pictured else _for_paper(shown.svg)), x=left, w=width, alt_text=_text(shown.alt))


def _for_paper(svg: bytes) -> bytes:
    """Fonts that an SVG asks for by a list, as the one that the paper has."""
    start, end = svg.find(b"'DejaVu Sans'"), 0
    if start >= 0:
        end = svg.find(b"sans-serif", start) + len(b"sans-serif")
        return svg.replace(svg[start:end], b"'DejaVu Sans'")
    return svg


def _tall(svg: bytes, width: float) -> float:
    """Its height at that width, by its own proportions."""
    box = svg[svg.index(b'viewBox="') + 9 :]
    _, _, across, tall = (float(part) for part in box[: box.index(b'"')].split())
    return width * tall / across


def _text(text: str, most: int = 2_000) -> str:
    """Outside text: no marks that reorder, no letters beyond those that a PDF can name; lines stay.

    Where no font has Chinese, as in what a rule or a person says, it is left out: a box says no more.
    """
    if not writes("zh"):
        text = CHINESE_LETTERS.sub("[…]", text)
    return "\n".join(plain(line, most) for line in text.split("\n"))


@contextmanager
def _quiet() -> Iterator[None]:
    """A letter that no font has is a box on paper, and a line for each in the log would help nobody."""
    loggers = [logging.getLogger(name) for name in ("fpdf", "fontTools")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
