"""A POST can be proven to be ours, is known when it comes again, and its answer decides what happens next."""

import json

import httpx
import pytest
from tests.unit.targets.courses import NOON, an_alarm, minute, readings

from barograph.destinations import WebhookTarget
from barograph.errors import TargetError, TargetRefused
from barograph.settings import Settings
from barograph.targets.parcels import of_alarms, of_batch
from barograph.targets.webhook import WebhookSender, posts, signature

TARGET = WebhookTarget(name="hook", what=["readings"], kind="webhook", url="http://hook.test/in", secret="hook_key")


def sender(tmp_path, answer):
    key = tmp_path / "secrets" / "hook_key"
    key.parent.mkdir(exist_ok=True)
    key.write_text("k3y\n")
    key.chmod(0o600)
    return WebhookSender(Settings(home=tmp_path), TARGET, httpx.MockTransport(answer))


def a_parcel(*values):
    return of_batch("readings", 17, minute(0), readings(*values))


def test_the_signature_is_the_one_that_everybody_computes():
    """RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert f"sha256={expected}" == signature(b"Jefe", b"what do ya want for nothing?")


def test_a_post_has_identity_and_signature_over_its_very_body(tmp_path):
    heard = []
    hook = sender(tmp_path, lambda request: heard.append(request) or httpx.Response(204))

    hook.send(a_parcel(4.5, None))

    [request] = heard
    assert "readings/000000000017-20261122T120000.000000Z/0" == request.headers["Barograph-Id"]
    assert signature(b"k3y", request.content) == request.headers["Barograph-Signature"]
    said = json.loads(request.content)
    assert ("readings", request.headers["Barograph-Id"]) == (said["what"], said["id"])
    assert [4.5, None] == [row["value"] for row in said["rows"]]
    first = "readings/000000000017/fridge-1/temperature/2026-11-22T12:00:00.000000Z"
    assert (first, "2026-11-22T12:00:00.000000Z") == (said["rows"][0]["id"], said["rows"][0]["time"])


def test_many_rows_are_several_posts_each_with_its_own_identity():
    found = list(posts(a_parcel(*range(501))))

    assert [500, 1] == [len(json.loads(body)["rows"]) for _, body in found]
    assert ["0", "1"] == [identity.rpartition("/")[2] for identity, _ in found]


def test_an_alarm_comes_alone_so_that_its_identity_stays_when_others_come():
    """After a kill more may be due than before it."""
    before = dict(posts(of_alarms(3, [an_alarm(4)])))
    after = dict(posts(of_alarms(3, [an_alarm(4), an_alarm(6, state="cleared", cleared=NOON)])))

    assert ["alarms/000000000004", "alarms/000000000006"] == list(after)
    assert before.items() <= after.items()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_an_answer_that_may_change_is_waited_for(tmp_path, status):
    with pytest.raises(TargetError, match=str(status)) as told:
        sender(tmp_path, lambda _: httpx.Response(status)).send(a_parcel(4.0))
    assert not isinstance(told.value, TargetRefused)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 422])
def test_a_refusal_is_told_in_the_words_of_who_refuses(tmp_path, status):
    """Nobody but a person can mend it; a redirect would send the data to where nobody said."""
    with pytest.raises(TargetRefused, match=f"answers {status} to readings/0.*: no such column"):
        sender(tmp_path, lambda _: httpx.Response(status, text="no such column")).send(a_parcel(4.0))


def test_no_answer_is_no_refusal(tmp_path):
    def silent(request):
        raise httpx.ReadTimeout("timed out", request=request)

    with pytest.raises(TargetError, match=r"http://hook\.test/in does not answer") as told:
        sender(tmp_path, silent).send(a_parcel(4.0))
    assert not isinstance(told.value, TargetRefused)


def test_without_a_key_nothing_is_sent(tmp_path):
    """An unsigned POST would teach the receiver to trust everybody."""
    with pytest.raises(TargetError, match="no key to sign with"):
        WebhookSender(Settings(home=tmp_path), TARGET)
