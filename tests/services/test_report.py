"""The report on a real PostgreSQL: alarms come from SQL, revisions are kept there, one copy publishes at a time."""

import email
import json
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError
from tests.services.test_notify import mailbox
from typer.testing import CliRunner

from barograph.cli import report as command
from barograph.errors import ReportError, WriterBusy
from barograph.notify.readers import readers
from barograph.registry import Device, Point
from barograph.reports.catalogue import SqlCatalogue
from barograph.reports.delivery import deliver
from barograph.reports.periods import Period
from barograph.reports.publish import find, report
from barograph.settings import MailSettings
from barograph.state import deliveries, signoffs, tables
from barograph.state.engine import connect, writer_lock
from barograph.state.tables import alarms, reports
from barograph.testing import a_site, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
SITE = a_site(
    Device(device="fridge-1", name="Dairy fridge", zone="cold", cadence=600, points={"temperature": Point(high=8)}),
    site="report-test",
)
WINDOW = Window.local_day(DAY, SITE.timezone)


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


@pytest.fixture
def settings(servers, tmp_path):
    """The servers of the session, and a data folder of our own; what we leave in SQL goes."""
    settings = servers.settings.model_copy(
        update={"home": tmp_path, "archive": "", "secrets": servers.settings.secrets_folder}
    )
    yield settings
    with connect(settings).begin() as connection:
        connection.execute(delete(reports).where(reports.c.site == SITE.site))
        connection.execute(delete(alarms).where(alarms.c.site == SITE.site))


def settle(settings, value=5.0):
    settled_day(settings.archive_root, SITE, DAY, readings("fridge-1", "temperature", WINDOW, value, 600))


def raise_alarm(settings, opened, cleared=None, *, state="cleared", value=14.0, rule="fridge-warm"):
    row = {
        "site": SITE.site, "rule": rule, "rule_version": "1", "severity": "major", "device": "fridge-1",
        "metric": "temperature", "limit": 8.0, "value": value, "started": opened - timedelta(minutes=5),
        "opened": opened, "cleared": cleared, "state": state, "historical": False, "message": "Check the door.",
    }  # fmt: skip
    with connect(settings).begin() as connection:
        connection.execute(insert(alarms).values(row))


def test_alarms_of_a_day_are_those_open_at_some_time_of_it(settings):
    raise_alarm(settings, at(-5), at(-1))
    raise_alarm(settings, at(-4), at(1))
    raise_alarm(settings, at(3), at(4), state="withdrawn")
    raise_alarm(settings, at(5), at(6))
    raise_alarm(settings, at(23), None, state="open", value=-9.0, rule="fridge-cold")
    raise_alarm(settings, at(24), None, state="open")

    found = SqlCatalogue.of(settings).alarms(SITE.site, WINDOW)

    assert [at(-4), at(5), at(23)] == sorted(alarm.started + timedelta(minutes=5) for alarm in found)
    assert {"fridge-warm": True, "fridge-cold": False} == {alarm.rule: alarm.above for alarm in found}


def test_a_report_is_registered_once_for_each_revision(settings):
    settle(settings)
    first = report(settings, SITE, DAY)
    again = report(settings, SITE, DAY)
    raise_alarm(settings, at(5), at(6))
    second = report(settings, SITE, DAY)

    with connect(settings).connect() as connection:
        rows = connection.execute(select(reports).where(reports.c.site == SITE.site).order_by(reports.c.revision)).all()

    assert [(1, True), (1, False), (2, True)] == [(made.revision, made.changed) for made in (first, again, second)]
    assert [(1, first.fingerprint), (2, second.fingerprint)] == [(row.revision, row.fingerprint) for row in rows]
    assert ["report-test/2026-06-17/r1", "report-test/2026-06-17/r2"] == [row.folder for row in rows]
    assert all(row.inputs["rows"] == 144 and row.inputs["batches"] == [1] for row in rows)
    assert "Dairy fridge was too warm" in second.headline


def test_an_alarm_that_clears_the_next_day_is_no_new_revision(settings):
    settle(settings)
    raise_alarm(settings, at(23), None, state="open")
    first = report(settings, SITE, DAY)
    with connect(settings).begin() as connection:
        connection.execute(delete(alarms).where(alarms.c.site == SITE.site))
    raise_alarm(settings, at(23), at(26), value=19.0)

    assert not report(settings, SITE, DAY).changed
    assert "still was at midnight" in first.headline


def test_while_one_copy_publishes_another_is_told_to_wait(settings):
    settle(settings)

    with writer_lock(connect(settings), f"report:{SITE.site}:{DAY}"), pytest.raises(WriterBusy):
        report(settings, SITE, DAY)

    assert report(settings, SITE, DAY).changed


def test_the_command_makes_the_page_and_says_where_it_is(settings, monkeypatch):
    settle(settings)
    folder = settings.sites_folder / SITE.site
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE.model_dump_json(exclude_none=True))
    monkeypatch.setattr(command, "load_settings", lambda: settings)

    said = CliRunner().invoke(command.app, ["make", "--day", "2026-06-17"])
    again = json.loads(CliRunner().invoke(command.app, ["make", SITE.site, "--day", "2026-06-17", "--json"]).output)

    assert "revision 1, new" in said.output
    assert f"{settings.reports_folder}/report-test/2026-06-17/r1/index.html" == again["page"]
    assert (1, False, "fine") == (again["revision"], again["changed"], again["verdict"])


def test_of_two_copies_at_once_one_publishes(settings):
    settle(settings)
    made = []

    def run():
        with suppress(WriterBusy):
            made.append(report(settings, SITE, DAY))

    copies = [threading.Thread(target=run) for _ in range(2)]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()

    assert [True] == [one.changed for one in made if one.changed]
    assert {1} == {one.revision for one in made}


def test_a_signature_stands_for_one_revision_and_for_good(settings):
    """What a person has confirmed, nobody changes or takes back: not even who can write to the table."""
    engine, at_seven = connect(settings), datetime(2026, 6, 18, 7, tzinfo=UTC)
    with engine.begin() as connection:
        row = {"site": "signed", "day": DAY.isoformat(), "revision": 1, "fingerprint": "", "inputs": {}, "folder": ""}
        connection.execute(insert(reports).values(**row, made=at_seven))
    try:
        signoffs.sign(engine, "signed", DAY, 1, " Ana <b> ", at_seven, "meat discarded\0")
        signoffs.sign(engine, "signed", DAY, 1, "Ben", at_seven + timedelta(hours=1))

        found = signoffs.of(engine, "signed", [DAY, DAY + timedelta(days=1)])

        assert [("Ana <b>", "meat discarded"), ("Ben", "")] == [(one.who, one.comment) for one in found][-2:]
        assert at_seven == found[-2].at
        with pytest.raises(ReportError, match="no revision 2"):
            signoffs.sign(engine, "signed", DAY, 2, "Ana", at_seven)
        with pytest.raises(ReportError, match="needs the name"):
            signoffs.sign(engine, "signed", DAY, 1, "  ", at_seven)
        for change in (delete(tables.signoffs), update(tables.signoffs).values(who="Eve")):
            with pytest.raises(DatabaseError, match="never changed"), engine.begin() as connection:
                connection.execute(change)
    finally:
        with engine.begin() as connection:
            connection.execute(delete(reports).where(reports.c.site == "signed"))


def test_what_was_delivered_is_noted_once_for_each_recipient(settings):
    engine = connect(settings)
    try:
        deliveries.note(engine, "delivered", str(DAY), 1, "owner", at(30))
        deliveries.note(engine, "delivered", str(DAY), 1, "owner", at(31), refused="too late to say so")
        deliveries.note(engine, "delivered", str(DAY), 1, "erp", at(30), refused="404")

        assert {"owner": "", "erp": "404"} == deliveries.done(engine, "delivered", str(DAY), 1)
        assert {} == deliveries.done(engine, "delivered", str(DAY), 2)
    finally:
        with engine.begin() as connection:
            connection.execute(delete(tables.report_deliveries))


def test_a_week_comes_by_mail_to_the_contact_who_wants_weeks_once(settings, tmp_path):
    """Through a real SMTP server, by the step's own path: contacts.yaml, the note in SQL, the mail with its paper."""
    shop = settings.sites_folder / "report-test"
    shop.mkdir(parents=True)
    (shop / "site.yaml").write_text("site: report-test\nname: Report test\ntimezone: Europe/Berlin\n")
    (shop / "contacts.yaml").write_text(
        "contacts:\n"
        "  - contact: owner\n"
        "    channels: [{channel: mail, kind: mail, to: [owner@shop.example]}]\n"
        "    reports: {weekly: always}\n"
    )
    settle(settings)
    with mailbox(tmp_path / "mails") as smtp:
        mail = MailSettings(host="127.0.0.1", port=smtp, security="none", sender="Shop <shop@shop.example>")
        settings = settings.model_copy(update={"mail": mail})
        engine, kept = connect(settings), SqlCatalogue.of(settings)
        for kind, expected in (("day", []), ("week", ["contact owner"]), ("week", [])):
            made = report(settings, SITE, Period.of(kind, DAY), kept)
            found = find(settings, made.site, made.day, key=made.key)
            assert expected == deliver(settings, found, readers(settings), engine, WINDOW.end)
        (letter,) = [email.message_from_bytes(path.read_bytes()) for path in (tmp_path / "mails").glob("*.eml")]

    kinds = [part.get_content_type() for part in letter.walk()]
    assert "report-test-week-2026-W25-r1.pdf" in [part.get_filename() for part in letter.walk()]
    assert (1, 2) == (kinds.count("application/pdf"), kinds.count("image/png"))
    with engine.begin() as connection:
        connection.execute(delete(tables.report_deliveries))
