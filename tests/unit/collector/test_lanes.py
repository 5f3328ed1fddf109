import random
from itertools import count

import pytest

from barograph.collector import lanes as lanes_module
from barograph.collector.lanes import Lanes


def lanes(*records) -> Lanes:
    """Records of (id, device), of 1 frame and 100 bytes each."""
    made = Lanes()
    for id_, key in records:
        made.add(id_, key, 1, 100)
    return made


def test_each_device_has_its_oldest_in_every_round():
    """A device that comes back after a day must not wait until the others have sent their day."""
    made = lanes(*((n, "old") for n in range(5_000)), (5_000, "new"))

    assert [5_000] in made.offer(10_000)


def test_who_has_no_backlog_goes_first_but_for_one_place():
    """What is new is small; what is large must still get smaller."""
    made = lanes(*((n, f"old-{n % 3}") for n in range(3_000)), *((3_000 + n, f"new-{n}") for n in range(5)))

    first, *others = made.offer(4_000)

    assert first[0] < 3_000
    assert [[3_000], [3_001], [3_002], [3_003], [3_004]] == others[:5]


def test_a_message_takes_500_frames_and_half_a_megabyte():
    made = Lanes()
    for n in range(4):
        made.add(n, "many", 200, 30_000)
        made.add(n + 10, "large", 1, 200_000)

    assert [[0, 1], [10, 11]] == sorted(made.offer(100_000_000))


def test_a_record_that_is_larger_than_the_round_goes_all_the_same():
    """Or it would hold back its device for ever."""
    made = Lanes()
    made.add(1, "large", 1, 800_000)

    assert [[1]] == made.offer(1_000)


def test_too_many_names_share_lanes_and_keep_their_order(monkeypatch):
    """Line noise that passes for names must not fill the memory; order per device holds all the same."""
    monkeypatch.setattr(lanes_module, "MOST_LANES", 10)
    made = lanes(*((n, f"noise-{n % 500}") for n in range(5_000)))

    assert len(list(made)) <= 10 + lanes_module.SHARED
    sent = []
    while offered := made.offer(20_000):
        ids = [id_ for some in offered for id_ in some]
        sent += ids
        made.ack(set(ids), 0.0)
    for name in range(500):
        assert [*range(name, 5_000, 500)] == [id_ for id_ in sent if id_ % 500 == name]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_sums_are_right_and_the_order_stays(seed, monkeypatch):
    """Rounds that fail in part, restarts of the broker, pruning, dropping: against a list that is simple and slow."""
    monkeypatch.setattr(lanes_module, "MOST_LANES", 5)
    dice = random.Random(seed)
    made, numbers = Lanes(), count(1)
    there: dict[int, tuple[str, int, int]] = {}
    acked: set[int] = set()
    for now in range(300):
        what = dice.choice(["add", "add", "round", "round", "resend", "prune", "drop", "shrink"])
        if what == "add":
            for _ in range(dice.randrange(20)):
                id_, facts = next(numbers), (f"d{dice.randrange(8)}", dice.randint(1, 9), dice.randint(1, 999))
                there[id_] = facts
                made.add(id_, *facts)
        elif what == "round":
            offered = made.offer(dice.randrange(20_000))
            arrived = {id_ for ids in offered for id_ in ids if dice.random() < 0.8}
            for ids in offered:
                for id_ in ids:
                    if id_ not in arrived:
                        break
                    acked.add(id_)
            made.ack(arrived, now)
            made.release()
        elif what == "resend":
            made.resend()
            acked.clear()
        elif what == "prune":
            cuts = made.kept(now - 30, 50)
            gone = {id_ for cut in cuts for id_ in cut.ids}
            assert gone <= acked
            assert 0 == made.remove(cuts)
            acked -= gone
            there = {id_: facts for id_, facts in there.items() if id_ not in gone}
        elif what == "drop":
            cuts = made.oldest(dice.randrange(5_000))
            gone = {id_ for cut in cuts for id_ in cut.ids}
            assert not gone & acked
            assert sum(there[id_][1] for id_ in gone) == made.remove(cuts)
            there = {id_: facts for id_, facts in there.items() if id_ not in gone}
        elif there:
            id_ = dice.choice([*there])
            key = there[id_][0]
            if id_ not in acked:
                there[id_] = (key, 1, 1)
                made.shrink(made.find(id_, key), 1, 1)

        waiting = {id_: facts for id_, facts in there.items() if id_ not in acked}
        assert sum(frames for _, frames, _ in waiting.values()) == made.waiting
        assert sum(size for _, _, size in there.values()) == made.size
        assert sorted(waiting) == made.waiting_ids()
        assert min(waiting, default=None) == made.oldest_waiting()
        assert all(list(lane.ids) == sorted(lane.ids) for lane in made)
        assert sum(lane.waiting_frames for lane in made) == made.waiting
        assert all(sum(n for _, n in lane.acked) == lane.kept for lane in made)
