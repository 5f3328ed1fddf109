"""Anybody may ask the archive anything, and change nothing."""

from __future__ import annotations

import pytest
from tests.services.river import opened

from barograph import spark as edge
from barograph.errors import JobFailed, QuestionError
from barograph.sql import VIEWS, checked, sql, views
from barograph.state import engine


@pytest.fixture(scope="module")
def river(services):
    with opened(services.settings) as own:
        own.send(own.frame(60, 4.0, seq=1), own.frame(30, 5.0, seq=2), own.frame(30, 5.0, seq=2), b"rubbish")
        own.ingest()
        yield own


@pytest.fixture(scope="module")
def spark(river):
    """A session as a question gets it."""
    with edge.session(river.settings, "history") as session:
        views(session, river.archive, engine.connect(river.settings))
        yield session


def asked(spark, question):
    return checked(spark, question).toArrow().to_pylist()


def test_a_question_is_answered_from_the_record(river):
    with sql(river.settings, "select count(distinct time) as n from readings") as answer:
        assert [2] == [row.n for row in answer.collect()]


def test_all_views_can_be_asked(spark):
    """Also those of tables that nobody wrote yet."""
    counts = " union all ".join(f"select '{view}' as view, count(*) as n from {view}" for view in VIEWS)

    assert {"readings": 3, "rejects": 1, "batches": 1, "refined": 0}.items() <= {
        row["view"]: row["n"] for row in asked(spark, counts)
    }.items()


def test_the_ledger_is_a_view_beside_the_record(spark):
    [row] = asked(
        spark,
        """
        with came as (select batch, count(*) as n from readings group by batch) -- counted in the record
        select b.read, b.stored + b.duplicate as kept, came.n from batches b join came using (batch);
        """,
    )

    assert {"read": 4, "kept": 3, "n": 3} == row


def test_an_order_is_kept(spark):
    assert [5.0, 5.0, 4.0] == [row["value"] for row in asked(spark, "select value from readings order by value desc")]


@pytest.mark.parametrize(
    "question",
    [
        "drop table readings",
        "insert into readings select * from readings",
        "create table t as select 1",
        "delete from delta.`{root}/record/readings`",
        "set spark.sql.runSQLOnFiles=true",
        "show tables",
        "select 1; select 2",
        "select 1; drop view readings",
        "",
    ],
)
def test_whatever_is_no_query_is_refused(spark, river, question):
    with pytest.raises(QuestionError):
        asked(spark, question.format(root=river.settings.archive_root))

    assert 3 == len(river.record())


@pytest.mark.parametrize("path", ["text.`/etc/passwd`", "delta.`{root}/record/readings`", "parquet.`{root}/record`"])
def test_no_path_can_be_read(spark, river, path):
    with pytest.raises(QuestionError, match="There are the views readings"):
        asked(spark, f"select * from {path.format(root=river.settings.archive_root)}")


@pytest.mark.parametrize(
    "question",
    [
        "select transform(batch) using 'cat /etc/passwd' as (x) from readings",
        "select reflect('java.lang.System', 'getProperty', 'user.dir')",
        "select * from (select java_method('java.lang.System', 'exit', 0)) where false",
    ],
)
def test_no_question_starts_a_program(spark, river, question):
    with pytest.raises(QuestionError, match="cannot start programs"):
        asked(spark, question)


def test_a_mistake_names_what_there_is(spark):
    with pytest.raises(QuestionError, match="temprature"):
        asked(spark, "select temprature from readings")
    with pytest.raises(QuestionError, match="readings, rejects, refined"):
        asked(spark, "select * from reading")


def test_an_answer_too_large_for_the_server_is_refused_and_not_waited_for(river):
    """600 MB of a server that may hold 512; the next question is answered as ever."""
    too_much = "select id, repeat(uuid(), 1200000) as text from range(0, 15, 1, 15)"
    with pytest.raises(JobFailed, match="larger than a server may hold"), sql(river.settings, too_much) as answer:
        answer.toArrow()

    with sql(river.settings, "select count(*) as n from readings") as answer:
        assert [3] == [row.n for row in answer.collect()]
