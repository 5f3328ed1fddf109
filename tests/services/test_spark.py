"""A session on a real server: who goes away leaves nothing that works on."""

from __future__ import annotations

import signal
import time

import pytest
from tests.unit.collector.fakes import eventually

from barograph import spark as edge
from barograph.errors import JobFailed


class TimeIsUp(BaseException):
    """As Airflow's: not an Exception, and raised wherever the task is."""


def busy_for_a_minute(session, mark):
    """A job that writes down that it still works."""

    def work(batches):
        for batch in batches:
            for _ in range(600):
                with open(mark, "a") as file:
                    file.write(".")
                time.sleep(0.1)
            yield batch

    one = session.range(1)
    return one.mapInArrow(work, one.schema).collect()


def after(seconds, call):
    """Do it in the middle of whatever this thread is waiting for, as a signal does."""
    signal.signal(signal.SIGALRM, lambda *_: call())
    signal.setitimer(signal.ITIMER_REAL, seconds)


@pytest.fixture(autouse=True)
def _no_alarm_is_left():
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def works(mark):
    """Whether it still writes: three of its steps are waited for."""
    size = mark.stat().st_size
    time.sleep(0.35)
    return mark.stat().st_size > size


def when_it_works(mark, call):
    def look():
        if mark.exists():
            call()
        else:
            after(0.2, look)

    after(0.2, look)


def test_a_task_whose_time_is_up_leaves_no_work_behind(services, tmp_path):
    """The live server serves ingest alone: what nobody waits for would hold up the next batch."""
    mark = tmp_path / "mark"

    def up():
        raise TimeIsUp

    with pytest.raises(TimeIsUp), edge.session(services.settings, "live") as session:
        when_it_works(mark, up)
        busy_for_a_minute(session, mark)

    assert eventually(lambda: not works(mark), within=10)


def test_a_task_that_is_killed_on_request_ends_with_what_it_waits_for(services, tmp_path):
    """Airflow calls on_kill and kills five seconds later: the wait for Spark ends at once, as a failed job."""
    mark = tmp_path / "mark"

    with pytest.raises(JobFailed, match=r"(?i)cancel"), edge.session(services.settings, "live") as session:
        when_it_works(mark, edge.interrupt)
        busy_for_a_minute(session, mark)

    assert eventually(lambda: not works(mark), within=10)


def test_a_lasting_session_begins_by_ending_what_a_killed_one_left(services, tmp_path):
    """A kill -9 tells nobody; the next of that name holds the lock, so what works there is nobody's."""
    import subprocess
    import sys

    mark = tmp_path / "mark"
    code = (
        "import sys; from pathlib import Path; from barograph import spark; from barograph.settings import Settings;"
        "from tests.services.test_spark import busy_for_a_minute\n"
        "with spark.session(Settings.model_validate_json(sys.argv[1]), lasting='orphan') as session:\n"
        "    busy_for_a_minute(session, Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, services.settings.model_dump_json(), str(mark)])
    assert eventually(mark.exists, within=30)
    process.kill()
    process.wait(10)
    assert works(mark)

    with edge.session(services.settings, lasting="orphan") as session:
        assert 1 == session.range(1).count()

    assert eventually(lambda: not works(mark), within=10)
