"""The page of a DAG in Airflow: its file's prose as Markdown, and a picture of what flows where."""

from __future__ import annotations

import re

from barograph_airflow.links import address

FACT = re.compile(r"(Reads|Writes|Re-run|Backfill|When red)\s{2,}(.+)")


def about(prose: str, picture: str) -> str:
    """`prose` ends with lines such as `Reads     the record`; they become a table. The picture is one of ui/static."""
    lines = prose.strip().splitlines()
    facts = [found for line in lines if (found := FACT.fullmatch(line.strip()))]
    text = [line for line in lines if not FACT.fullmatch(line.strip())]
    table = [f"| **{found[1]}** | {found[2]} |" for found in facts]
    drawn = f"![What flows where]({address(f'/static/{picture}.svg')})"
    return "\n".join([*text, "", drawn, "", "| | |", "|---|---|", *table, ""])
