"""From an empty folder to a report in a browser, as a newcomer sees it. One stack serves all tests, in this order."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from kafka import KafkaProducer
from sqlalchemy import text
from tests.services.river import influxql

from barograph.archive import Archive
from barograph.registry import choose_site
from barograph.reports import shelf
from barograph.stack import pids
from barograph.state import engine
from barograph.windows import Window
from barograph_airflow.links import page_id

PICTURES = os.environ.get("BAROGRAPH_TEST_PICTURES")
"""A folder for pictures of what was seen; the README's are made so."""


BROKEN_PICTURES = """() => Promise.all(Array.from(document.images, picture => {
    picture.loading = "eager"
    return picture.decode().then(() => null, () => picture.src)
})).then(found => found.filter(Boolean))"""


def sql(stack, query):
    with engine.connect(stack.settings).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def until(look, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(1)
    return found


def days(stack):
    """Days with a report; on some mornings there are reports of a week and a month as well."""
    return sorted(date.fromisoformat(path.name) for path in (stack.settings.reports_folder / "demo").glob("????-??-??"))


def test_the_first_run_says_where_to_go_next(stack):
    """Address, login, reports, what to do: a newcomer needs nothing else."""
    assert f"http://127.0.0.1:{stack.settings.port('airflow')}" in stack.said
    assert "Log in as admin with " + stack.settings.secret("airflow_admin") in stack.said
    assert str(stack.settings.reports_folder) in stack.said
    assert "Next:" in stack.said


def test_the_history_is_in_the_record_and_balances(stack):
    counts = sql(stack, "select counts from batches where counts is not null")
    sums = {name: sum(row[0][name] for row in counts) for name in ("read", "stored", "duplicate", "rejected")}

    assert sums["read"] == sums["stored"] + sums["duplicate"] + sums["rejected"]
    assert sums["stored"] > 80_000 * stack.history


def test_each_day_has_its_report_and_its_alarms_woke_nobody(stack):
    """Alarms of the past are recorded as history."""
    assert stack.history == len(days(stack))
    assert {(True,)} >= set(
        sql(stack, "select distinct historical from alarms where opened < now() - interval '1 day'")
    )


def test_clearing_ingest_and_daily_changes_nothing(stack):
    """The proof by Airflow itself: a cleared run ends where it ended before."""
    day = days(stack)[0]
    zone = choose_site(stack.settings.sites_folder, None).timezone
    window = Window.local_day(day, zone)

    def told():
        report = shelf.find(stack.settings, "demo", day)
        derived = Archive.of(stack.settings).derived("refined", "demo", day)
        inside = f"time >= '{window.start.isoformat()}' AND time < '{window.end.isoformat()}'"
        points = influxql(stack.settings, "rollups", f"SELECT * FROM temperature WHERE {inside}")
        [(history,)] = sql(stack, "select counts from batches order by batch limit 1")
        return (
            report.revision,
            derived.to_pylist(),
            points,
            history,
            sql(stack, "select * from alarms where historical"),
        )

    before = told()
    with stack.airflow() as airflow:
        [daily] = airflow.runs_between("daily", window.start, window.start)
        [(first,)] = sql(stack, "select run_id from batches where (counts->>'read')::int > 0 order by batch limit 1")
        for dag, run in (("ingest", first), ("daily", daily["dag_run_id"])):
            airflow.clear(dag, run)
            airflow.wait(dag, run)

    assert before == told()


def test_the_collectors_readings_arrive(stack):
    """Simulated sensors behind real ptys, every 30 s."""
    newest = "SELECT last(value) FROM temperature WHERE device = 'fridge-dairy' AND time > now() - 5m"

    assert until(lambda: influxql(stack.settings, "readings", newest), 240)


def test_a_strangers_sensor_raises_an_alarm(stack):
    """Ten lines of kafka-python; the rule `sensor*` of the demo watches it."""
    producer = KafkaProducer(bootstrap_servers=stack.settings.brokers)
    now = datetime.now(UTC)
    for seconds in range(180, 0, -20):
        time_of = (now - timedelta(seconds=seconds)).isoformat()
        message = {"device": "sensor3", "time": time_of, "temperature": 45}
        producer.send("readings", json.dumps(message).encode()).get(timeout=10)
    producer.close()
    with stack.airflow() as airflow:
        airflow.wait("ingest", airflow.trigger("ingest"))

    found = until(lambda: sql(stack, "select state, historical from alarms where device = 'sensor3'"))

    assert [("open", False)] == found
    told = """select message.state from outbox as message join notices using (message) join alarms using (alarm)
              where device = 'sensor3' and notices.kind = 'opened' and message.state = 'sent'"""
    asked = r"SELECT * FROM temperature WHERE device =~ /^sensor\d+$/ AND time >= now() - 5m"
    assert 9 == len(influxql(stack.settings, "readings", asked))
    assert [("sent",)] == until(lambda: sql(stack, told))


def logged_in(stack, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{stack.settings.airflow_address}/auth/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", stack.settings.secret("airflow_admin"))
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url, timeout=60_000)
    return page


def test_a_shop_keepers_morning_in_airflow(stack, browser, tmp_path):
    """Log in, look at what is now, at a device, acknowledge an alarm, open yesterday's report, have it made anew."""
    pictures = Path(PICTURES) if PICTURES else tmp_path
    address = stack.settings.airflow_address
    page = logged_in(stack, browser)
    failed = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{address}/dags")
    page.wait_for_selector("text=ingest", timeout=60_000)
    page.screenshot(path=pictures / "airflow.png")
    page.goto(f"{address}/plugin/barograph")
    frame = page.frame_locator("iframe").first
    frame.locator("tr", has_text="Dairy fridge").first.wait_for(timeout=60_000)
    page.screenshot(path=pictures / "now.png")
    frame.get_by_role("link", name="Dairy fridge").first.click()
    frame.locator("svg.plot .line").first.wait_for(state="attached", timeout=30_000)
    page.screenshot(path=pictures / "device.png")
    frame.get_by_role("link", name="Alarms").click()
    frame.get_by_text("sensor3").first.click(timeout=30_000)
    frame.locator("textarea").fill("A lamp stood beside it.")
    frame.get_by_role("button", name="Acknowledge").click()
    frame.get_by_text("Acknowledged.").wait_for(timeout=30_000)
    frame.locator("svg.chart").wait_for(timeout=30_000)
    page.screenshot(path=pictures / "alarm.png")
    frame.get_by_role("link", name="Health", exact=True).click()
    frame.get_by_text("Last proven restore").wait_for(timeout=30_000)
    page.screenshot(path=pictures / "health.png")
    frame.get_by_role("link", name="Reports").click()
    frame.get_by_text("Daily reports").wait_for(timeout=30_000)
    page.screenshot(path=pictures / "reports.png")
    latest = days(stack)[-1]
    report = shelf.find(stack.settings, "demo", latest)
    frame.locator(f"a.day[href$='{page_id('demo', latest.isoformat())}']").click()
    frame.get_by_role("button", name="Rebuild").click(timeout=30_000)
    frame.get_by_text("being made anew").wait_for(timeout=30_000)
    page.screenshot(path=pictures / "report.png")
    shown = browser.new_page(viewport={"width": 1280, "height": 1500})
    shown.goto((report.folder / "index.html").as_uri())

    assert [] == [url for url in failed if "/barograph/" in url]
    assert shown.locator("img").count() > 0
    assert report.summary["headline"] in shown.inner_text("body")
    assert [] == shown.evaluate(BROKEN_PICTURES)
    shown.screenshot(path=pictures / "report-page.png")
    with stack.airflow() as airflow:
        asked, *earlier = airflow.runs("daily", limit=stack.history + 1)
    assert ("manual", latest.isoformat()) == (asked["run_type"], asked["conf"]["day"])
    assert asked["note"].startswith("Asked for on the page Reports by admin.")
    # Of a backfill's runs, what came out.
    assert {"demo"} == {run["note"].split(",")[0] for run in earlier}


def test_days_of_before_are_backfilled_in_airflows_own_form(stack, browser):
    """Trigger, Backfill, from, to: the day appears in the calendar. Of this one nothing is known, and it says so."""
    day = days(stack)[0] - timedelta(days=1)
    midnight = Window.local_day(day, choose_site(stack.settings.sites_folder, None).timezone).start.astimezone(UTC)
    page = logged_in(stack, browser)
    page.goto(f"{stack.settings.airflow_address}/dags/daily")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.locator("[role=dialog][data-scope=dialog]")
    form.get_by_text("Backfill", exact=True).click()
    for place in (0, 1):
        form.get_by_test_id("datetime-input").nth(place).click()
        picker = page.locator("[data-scope=popover][data-part=content][data-state=open]")
        picker.get_by_placeholder("YYYY/MM/DD").fill(f"{midnight:%Y/%m/%d}")
        picker.get_by_placeholder("HH:mm").fill(f"{midnight:%H:%M}")
        picker.get_by_placeholder("HH:mm").press("Escape")
        picker.wait_for(state="hidden")
    form.get_by_role("button", name="Run Backfill").click()
    page.get_by_text("Backfill in progress").wait_for(timeout=60_000)

    with stack.airflow() as airflow:
        [run] = until(lambda: airflow.runs_between("daily", midnight, midnight), 60)
        airflow.wait("daily", run["dag_run_id"])

    assert run["run_type"] == "backfill"
    assert shelf.find(stack.settings, "demo", day).summary["verdict"] == "empty"

    def in_the_calendar():
        page.goto(f"{stack.settings.airflow_address}/barograph/reports")
        return page.locator(f"a.day[href$='{page_id('demo', day.isoformat())}']").count()

    assert until(in_the_calendar, 60)
    page.close()


def test_a_viewer_sees_everything_and_changes_nothing(stack, browser):
    """With a viewer's token: no buttons, and what is sent without them is refused by Airflow's rights."""
    secret = stack.settings.secret("airflow_jwt")
    now = int(time.time())
    claims = {"sub": "viewer", "role": "viewer", "teams": [], "aud": "apache-airflow", "jti": "e2e"}
    token = jwt.encode(claims | {"iat": now, "nbf": now, "exp": now + 600}, secret, algorithm="HS512")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": "_token", "value": token, "url": stack.settings.airflow_address}])
    page = context.new_page()
    page.goto(f"{stack.settings.airflow_address}/barograph/reports")
    page.locator("a.day").last.wait_for(timeout=30_000)
    sent = page.request.post(
        f"{stack.settings.airflow_address}/barograph/make/demo/{days(stack)[-1]}", headers={"HX-Request": "true"}
    )

    assert 0 == page.get_by_role("button", name="Backfill").count()
    assert 403 == sent.status
    assert 390 >= page.evaluate("document.documentElement.scrollWidth")
    context.close()


def test_a_killed_collector_comes_back_by_itself(stack):
    def collectors():
        mine = [running for running in pids.ours(stack.settings.home) if running.server == "collector"]
        return {running.pid for running in mine if "guard.py" not in running.command}

    [old] = collectors()
    os.kill(old, signal.SIGKILL)

    assert until(lambda: collectors() - {old}, 60)


def test_a_backup_can_be_restored_and_is_the_same(stack, tmp_path):
    with stack.airflow() as airflow:
        airflow.wait("backup", airflow.trigger("backup"))
    folder = tmp_path / "restored"

    stack.command("backup", "restore", "--into", str(folder))

    record = next(path for path in folder.rglob("readings") if (path / "_delta_log").is_dir())
    restored = Archive(str(record.parents[1])).came(all_days(stack))
    live = Archive.of(stack.settings).came(all_days(stack))
    assert sorted(map(str, live)) == sorted(map(str, restored))


def all_days(stack):
    zone = choose_site(stack.settings.sites_folder, None).timezone
    return Window(Window.local_day(days(stack)[0], zone).start, Window.local_day(days(stack)[-1], zone).end)


def test_status_tells_a_script_that_all_is_well(stack):
    def healthy():
        told = stack.command("status", "--json", check=False)
        return told and json.loads(told)

    assert until(healthy, 60)


@pytest.mark.parametrize("words", [["--help"], ["stack", "--help"], ["report", "list"], ["check"]])
def test_the_command_line_helps(stack, words):
    assert stack.command(*words)
