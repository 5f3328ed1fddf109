import json
import logging

import pytest
import structlog

from barograph import logs


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_an_event_and_its_facts(capsys):
    """Someone will search for the event and count the facts."""
    logs.configure()
    structlog.get_logger().info("spooled", device="bx2-17", waiting=120, error="no space left")

    line = capsys.readouterr().err

    assert line.endswith('info    spooled device=bx2-17 waiting=120 error="no space left"\n')


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ('quote" =', r'"quote\" ="'),
        ("\u202eback", r"\u202eback"),
        ("", '""'),
        ("Kühltheke", "Kühltheke"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_came_from_outside_can_neither_break_a_line_nor_the_terminal(told, expected):
    """A device's name is chosen by whoever holds the other end of the cable."""
    assert expected == logs.quoted(told)


def test_json_when_asked(capsys):
    """For those who ship their logs."""
    logs.configure(as_json=True)
    structlog.get_logger().warning("port_down", port="p1\x1b")

    line = json.loads(capsys.readouterr().err)

    assert (line["event"], line["level"], line["port"]) == ("port_down", "warning", "p1\x1b")


def test_a_library_speaks_through_the_same_lines(capsys):
    """One format on stderr, whoever speaks; kafka-python's shouting is left out, we report outages ourselves."""
    logs.configure()
    logging.getLogger("somebody").warning("careful %s", "\x07")
    logging.getLogger("kafka.net").error("Connection failed")

    assert capsys.readouterr().err.endswith(r"warning careful \x07" + "\n")
