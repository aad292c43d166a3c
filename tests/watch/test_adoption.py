"""What another tool writes over a consent in a plain store: the watch does not lose sight of it."""

from dataclasses import replace

import pytest

from partnerauth.errors import InvalidGrant, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.oauth.application import Secret
from partnerauth.watch.alarm import Cause
from partnerauth.watch.watch import Event
from tests.watch.fleet import Fleet, Recorder, tenant_id, upn


@pytest.fixture
def fleet() -> Fleet:
    """Two partners who have just consented; the store holds bare values."""
    fleet = Fleet(2)
    fleet.store.plain = True
    return fleet.consents()


def overwrite(fleet: Fleet, token: Hidden) -> None:
    """Another tool puts a token where the second partner's consent lies."""
    there = fleet.store.read(tenant_id(1))
    assert there is not None
    fleet.store.write(tenant_id(1), token, {}, there.version)


def test_it_is_adopted_and_renewed_with_the_others(fleet: Fleet) -> None:
    watch = fleet.watch(Recorder())
    watch.round()
    theirs = fleet.consent(1).refresh_token
    overwrite(fleet, theirs)
    fleet.days(8)

    done = watch.round()

    assert [one.tenant for one in done.consents] == [tenant_id(0), tenant_id(1)]
    assert fleet.kept(1).outcome == "adopted"
    fleet.live(watch, 365)
    assert fleet.kept(1).days_left(fleet.clock.now()) >= 82


def test_one_that_is_refused_alarms_and_is_not_tried_again(fleet: Fleet) -> None:
    somebody, said = Recorder(), list[Event]()
    watch = fleet.watch(somebody, events=said)
    watch.round()
    overwrite(fleet, Hidden("emulated.nonsense"))
    asked = fleet.asked

    for _ in range(3):
        done = watch.round()

    assert fleet.asked == asked + 1
    assert [event.facts["tenant"] for event in said if event.name == "not-kept"] == [tenant_id(1)]
    assert done.codes == [InvalidGrant.exit_code]
    (notice,) = somebody.notices
    assert (notice.alarm.cause, notice.alarm.username) == (Cause.OVERWRITTEN, upn(1))
    assert notice.facts()["who"] == "the person who consents"
    assert notice.facts()["consent"] == f"https://desk.example/{tenant_id(1)}"
    entry = fleet.store.read(tenant_id(1))
    assert entry is not None
    assert entry.tags == {}


def test_the_alarm_outlives_the_watch_and_is_over_once_somebody_has_consented(fleet: Fleet) -> None:
    somebody = Recorder()
    watch = fleet.watch(somebody)
    watch.round()
    overwrite(fleet, Hidden("emulated.nonsense"))
    watch.round()
    watch = fleet.watch(somebody)
    fleet.days(1)
    watch.round()
    watch.round()
    assert somebody.told == ["overwritten"] * 2

    fleet.consent(1)
    watch.round()
    watch.round()

    assert somebody.told == ["overwritten"] * 2 + ["clear overwritten"]


def test_one_that_is_refused_for_a_cause_beside_it_is_tried_again(fleet: Fleet) -> None:
    somebody = Recorder()
    watch = fleet.watch(somebody)
    watch.round()
    overwrite(fleet, fleet.consent(1).refresh_token)
    right, user = watch.sweep, watch.sweep.user
    wrong = replace(user, application=replace(user.application, credential=Secret(Hidden("wrong"))))
    watch.sweep = replace(watch.sweep, user=wrong)
    watch.round()
    assert (somebody.told, somebody.notices[0].alarm.code) == (["overwritten"], "7000215")
    watch.sweep = right

    watch.round()

    assert fleet.kept(1).outcome == "adopted"
    assert somebody.told == ["overwritten", "clear overwritten"]


def test_one_for_which_nobody_answers_is_tried_again(fleet: Fleet) -> None:
    watch = fleet.watch(Recorder())
    watch.round()
    overwrite(fleet, fleet.consent(1).refresh_token)
    right = watch.sweep.send

    def silent(request: Request) -> Response:
        raise Unreachable("nobody answers")

    watch.sweep = replace(watch.sweep, send=silent)
    watch.round()
    watch.sweep = replace(watch.sweep, send=right)

    watch.round()

    assert fleet.kept(1).outcome == "adopted"


def test_one_that_was_forgotten_is_gone(fleet: Fleet) -> None:
    watch = fleet.watch(Recorder())
    watch.round()
    fleet.run(fleet.book.forget(tenant_id(1)))

    assert [one.tenant for one in watch.round().consents] == [tenant_id(0)]
