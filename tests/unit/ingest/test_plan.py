"""Which offsets a batch reads, and what is said about those that are gone."""

from hypothesis import given
from hypothesis import strategies as st

from barograph.ingest.plan import plan, still_there
from barograph.kafka import PartitionOffsets
from barograph.state.ledger import Slice

MANY = 10**9


def log(partition=0, beginning=0, end=100, topic_id="A"):
    return PartitionOffsets("readings", topic_id, partition, beginning, end)


def ranges(slices):
    return [(part.partition, part.start, part.end) for part in slices]


def test_a_new_partition_is_read_from_its_beginning():
    slices, gaps = plan([log(beginning=5)], {}, MANY)

    assert [(0, 5, 100)] == ranges(slices)
    assert [] == gaps


def test_a_batch_starts_where_the_last_one_ended():
    slices, _ = plan([log()], {("readings", 0): ("A", 40)}, MANY)

    assert [(0, 40, 100)] == ranges(slices)


def test_what_retention_took_is_a_gap():
    """Kafka forgets in silence; the ledger does not."""
    slices, gaps = plan([log(beginning=60)], {("readings", 0): ("A", 40)}, MANY)

    assert [(0, 60, 100)] == ranges(slices)
    assert [(40, 60)] == [(gap["start"], gap["end"]) for gap in gaps]


def test_a_topic_made_anew_is_read_from_its_beginning():
    """Its offsets count from zero again: going on at the old place would skip everything."""
    slices, gaps = plan([log(topic_id="B", end=10)], {("readings", 0): ("A", 40)}, MANY)

    assert [(0, 0, 10)] == ranges(slices)
    assert ["the topic was made anew"] == [gap["why"] for gap in gaps]


def test_a_log_shorter_than_what_was_read_is_a_gap():
    slices, gaps = plan([log(end=30)], {("readings", 0): ("A", 40)}, MANY)

    assert [(0, 30, 30)] == ranges(slices)
    assert ["the log is shorter than what was read"] == [gap["why"] for gap in gaps]


def test_an_unread_plan_is_cut_to_what_is_left():
    planned = [Slice("readings", "A", 0, 10, 50), Slice("readings", "A", 1, 0, 5)]

    slices, gaps = still_there(planned, [log(beginning=20, end=40)])

    assert [(0, 20, 40), (1, 0, 0)] == ranges(slices)
    assert [(0, 10, 20), (0, 40, 50), (1, 0, 5)] == [(gap["partition"], gap["start"], gap["end"]) for gap in gaps]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6), st.integers(1, 2000))
def test_a_limit_is_kept_and_used(lengths, most):
    """A long backlog of one partition must not starve the others, nor leave room unused."""
    slices, _ = plan([log(partition=place, end=end) for place, end in enumerate(lengths)], {}, most)

    assert min(most, sum(lengths)) == sum(part.messages for part in slices)
