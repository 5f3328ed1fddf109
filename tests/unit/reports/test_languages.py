"""A report speaks one language: nothing that the code says is missing in another."""

import ast
import re
from datetime import date
from pathlib import Path

import pytest

from barograph import readings
from barograph.metrics import BY_NAME
from barograph.reports import languages
from barograph.reports.periods import Period
from barograph.reports.words import TOO, WRONG, Voice

REPORTS = Path(languages.__file__).parent
DAY = Period.of("day", date(2026, 6, 17))


def said():
    """Every text that code and templates say, and the ones that they choose from."""
    texts = {word for pair in TOO.values() for word in pair} | set(WRONG.values())
    for path in REPORTS.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "say":
                texts |= (
                    {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
                    if node.args
                    else set()
                )
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "text":
                texts |= {node.value.value} if isinstance(node.value, ast.Constant) else set()
    for path in (REPORTS / "templates").glob("*.html"):
        texts |= set(re.findall(r'say\("([^"]+)"', path.read_text()))
    return {text for text in texts if isinstance(text, str) and text}


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_every_text_is_there_in_every_language_with_the_same_facts(language):
    known = languages.LANGUAGES[language]
    texts = said()

    assert len(texts) > 80
    assert set() == texts - known.keys()
    fields = {text: set(re.findall(r"\{(\w+)\}", text)) for text in known}
    optional = {"times", "often"}
    assert {} == {
        text: other
        for text, other in known.items()
        if not fields[text] - optional <= set(re.findall(r"\{(\w+)\}", other)) <= fields[text]
    }


@pytest.mark.parametrize("language", languages.METRICS)
def test_names_of_metrics_are_of_metrics_that_there_are(language):
    assert set() == languages.METRICS[language].keys() - BY_NAME.keys()


def test_a_language_that_nobody_speaks_is_english():
    assert "too warm" == Voice(DAY, "UTC", "tlh").say("too warm")


@pytest.mark.parametrize("reason", readings.FLAG_REASONS)
def test_reasons_of_quality_are_said(reason):
    assert Voice(DAY, "UTC").reason(reason) != reason
    assert Voice(DAY, "UTC", "zh").reason(reason) != Voice(DAY, "UTC").reason(reason)
