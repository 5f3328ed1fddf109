"""How long frames take, from counts in buckets: as good as its buckets, and never better."""

from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.latency import BOUNDS, Latency


def timed(*seconds, frames=1):
    latency = Latency()
    for each in seconds:
        latency.took(each, frames)
    return latency


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=40))
def test_a_median_lies_in_the_bucket_of_the_true_one(seconds):
    found = timed(*seconds).quantile(0.5)
    true = sorted(seconds)[(len(seconds) - 1) // 2]
    upper = next(bound for bound in BOUNDS if bound >= true)
    lower = max((bound for bound in BOUNDS if bound < true), default=0.0)

    assert lower <= found <= upper


def test_what_came_before_does_not_count_for_what_is_now():
    """An outage of an hour would colour the figure for a day."""
    before = timed(3000.0, frames=500)
    after = before.model_copy(deep=True)
    after.took(0.02, 10)

    assert 10 == after.since(before).frames
    assert after.since(before).quantile(0.99) <= 0.02
    assert after.quantile(0.5) > 600


def test_nothing_took_no_time():
    assert Latency().quantile(0.5) is None


def test_what_takes_longer_than_all_buckets_is_counted():
    assert (1, 0) == (timed(1e9).up_to[-1], timed(1e9).up_to[-2])


def test_a_clock_that_was_set_back_gives_no_negative_times():
    assert (1, 0.0) == (timed(-5.0).counts[0], timed(-5.0).sum)
