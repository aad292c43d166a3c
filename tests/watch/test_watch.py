"""The watch: consents stay alive without anybody looking; who must act is told, once a day, until it is over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Event as Flag
from typing import Any

import pytest

from partnerauth.consent.consent import State
from partnerauth.consent.plan import Plan
from partnerauth.emulator.default import WEB_APP
from partnerauth.errors import StoreFailed, Unreachable
from partnerauth.hidden import Hidden
from partnerauth.oauth.application import Application, Secret
from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind
from partnerauth.watch.alarm import Alarm
from partnerauth.watch.sweep import Stopped
from partnerauth.watch.told import FileMemory, StoreMemory, Told
from partnerauth.watch.watch import Event, Watch
from tests.watch.fleet import Fleet, Recorder, tenant_id, upn


@pytest.fixture
def fleet() -> Fleet:
    """Three partners who have just consented."""
    return Fleet(3).consents()


def names(events: Sequence[Event]) -> list[str]:
    """What happened, without the looks at which nothing did."""
    return [event.name for event in events if event.name != "round"]


def test_nothing_expires_in_a_year_and_nobody_is_told_anything(fleet: Fleet) -> None:
    somebody = Recorder()

    fleet.live(fleet.watch(somebody, longest_pause=86400.0), 365)

    assert [fleet.kept(number).state for number in range(3)] == [State.LIVE] * 3
    assert all(fleet.kept(number).days_left(fleet.clock.now()) >= 82 for number in range(3))
    assert 3 * 52 <= fleet.asked <= 3 * 60, "about weekly"
    assert not somebody.notices


def test_a_lost_consent_is_told_with_who_must_act_and_a_fresh_way_to_consent(fleet: Fleet) -> None:
    somebody = Recorder()
    watch = fleet.watch(somebody)
    fleet.revoke(1)
    fleet.days(8)

    watch.round()

    (notice,) = somebody.notices
    assert (notice.alarm.cause.value, notice.alarm.code) == ("lost", "50173")
    assert notice.alarm.username == upn(1)
    assert notice.facts()["who"] == "the person who consents"
    assert "partnerauth consent" in notice.alarm.remedy
    assert notice.facts()["consent"] == f"https://desk.example/{tenant_id(1)}"
    assert notice.facts()["since"] == fleet.clock.now().isoformat(timespec="seconds")


def test_an_alarm_is_repeated_daily_and_cleared_once(fleet: Fleet) -> None:
    """By whichever watch comes: what was told lies in the store."""
    somebody = Recorder()
    fleet.revoke()
    fleet.days(8)
    for _ in range(3 * 24):
        fleet.watch(somebody).round()
        fleet.days(1 / 24)

    assert somebody.told == ["lost"] * 3
    assert len({notice.id for notice in somebody.notices}) == 3
    assert len({notice.since for notice in somebody.notices}) == 1

    fleet.consent()
    for _ in range(5):
        fleet.watch(somebody).round()

    assert somebody.told == ["lost", "lost", "lost", "clear lost"]


def test_a_suspended_consent_heals_and_that_is_told_too(fleet: Fleet) -> None:
    somebody = Recorder()
    watch = fleet.watch(somebody)
    fleet.days(8)
    fleet.person().enabled = False

    watch.round()
    assert somebody.told == ["suspended"]
    assert somebody.notices[0].facts()["who"] == "an administrator of the tenant"
    assert not somebody.notices[0].link, "a new consent would not help"

    fleet.person().enabled = True
    fleet.live(watch, 2)

    assert somebody.told == ["suspended", "clear suspended"]
    assert fleet.kept().state is State.LIVE


def test_mfa_that_vanishes_is_told(fleet: Fleet) -> None:
    somebody = Recorder()
    consent = fleet.kept()
    tags = consent.tags() | {"alarm": "mfa absent since 2026-06-08"}
    fleet.store.mark(fleet.book.name(consent.tenant), tags, consent.version)

    fleet.watch(somebody).round()

    assert somebody.told == ["mfa"]
    assert "with MFA" in somebody.notices[0].alarm.remedy


def test_a_policys_end_is_told_before_it_comes(fleet: Fleet) -> None:
    """A sign-in lasts ninety days in this directory: only the person can do anything about that."""
    somebody = Recorder()
    watch = fleet.watch(somebody, plan=Plan(sign_in_lasts=timedelta(days=60)), longest_pause=86400.0)

    fleet.live(watch, 44)
    assert not somebody.notices
    fleet.live(watch, 3)

    assert set(somebody.told) == {"ending"}
    alarm = somebody.notices[0].alarm
    assert alarm.ends == fleet.kept().consented_at + timedelta(days=60)
    assert alarm.who == "the person who consents"


def test_the_applications_own_end_is_told_a_month_before(fleet: Fleet) -> None:
    somebody = Recorder()
    ends = fleet.clock.now() + timedelta(days=40)
    former = [CredentialEnd(CredentialKind.SECRET, "a file", ends=ends)]
    watch = fleet.watch(somebody, credentials=lambda: former, longest_pause=86400.0)

    fleet.live(watch, 9)
    assert not somebody.notices
    fleet.live(watch, 2)
    assert somebody.told[0] == "credential"
    assert somebody.notices[0].alarm.who == "an administrator of the tenant"

    assert watch.plan.credential_ends == ends
    former.append(CredentialEnd(CredentialKind.SECRET, "another file", ends=ends + timedelta(days=365)))
    watch.round()
    assert somebody.told[-1] == "clear credential"
    assert watch.plan.credential_ends == ends + timedelta(days=365), "the plan goes by the last of them"


def test_no_success_for_two_weeks_is_an_alarm_by_itself(fleet: Fleet) -> None:
    """Nobody refused anything; it just does not work."""
    somebody = Recorder()
    watch = fleet.watch(somebody)
    fleet.unreachable = lambda: True

    fleet.days(15)
    watch.round()

    assert somebody.told == ["silence"] * 3
    assert "15 days" in somebody.notices[0].alarm.what

    fleet.days(62)
    watch.round()
    assert sorted(somebody.told[3:]) == ["ending"] * 3 + ["silence"] * 3


def test_a_watch_that_was_away_says_so_when_it_comes_back(fleet: Fleet) -> None:
    """Vacations: it renews at once, most urgent first, and there is nothing left to tell."""
    somebody = Recorder()
    fleet.days(60)

    done = fleet.watch(somebody).round()

    assert [type(result).__name__ for result in done.results] == ["Renewed"] * 3
    assert not somebody.notices


def test_a_store_that_is_down_for_minutes_is_no_alarm_for_an_hour_is_one(fleet: Fleet) -> None:
    somebody = Recorder()
    watch = fleet.watch(somebody)
    fleet.store.down = lambda: True

    done = watch.round()
    assert done.next == 60.0
    assert isinstance(done.failures[0], StoreFailed)
    assert not somebody.notices

    fleet.live(watch, 1 / 24)
    assert somebody.told == ["store"], "and not again, though the store cannot remember it"

    fleet.store.down = lambda: False
    watch.round()
    assert somebody.told == ["store", "clear store"]


def test_what_was_told_is_no_good_news_while_the_store_is_down(fleet: Fleet) -> None:
    somebody = Recorder()
    fleet.revoke()
    fleet.days(8)
    watch = fleet.watch(somebody)
    watch.round()

    fleet.store.down = lambda: True
    fleet.live(watch, 1 / 24)

    assert somebody.told == ["lost", "store"]


def test_a_full_store_is_told_and_nothing_is_redeemed(fleet: Fleet) -> None:
    """Redeeming without being able to keep the result would be vain."""
    somebody = Recorder()
    fleet.days(8)
    fleet.store.full = lambda: True
    watch = fleet.watch(somebody, store_patience=0.0)

    watch.round()

    assert somebody.told == ["store"]
    assert fleet.asked == 0


def test_one_of_two_channels_that_fails_is_tried_again_alone(fleet: Fleet) -> None:
    mail, hook = Recorder("mail", broken=True), Recorder("webhook")
    fleet.revoke()
    fleet.days(8)
    watch = fleet.watch(mail, hook)
    watch.round()
    assert (mail.told, hook.told) == ([], ["lost"])

    mail.broken = False
    watch.round()
    watch.round()

    assert (mail.told, hook.told) == (["lost"], ["lost"])


def test_of_two_replicas_one_tells(fleet: Fleet) -> None:
    """The second looks while the first is telling; a claim whose holder died is free after ten minutes."""
    told: list[str] = []
    fleet.revoke()
    fleet.days(8)
    inner = Recorder()

    class Slow(Recorder):
        def tell(self, notice: Any) -> Any:
            fleet.watch(inner).round()
            told.append(notice.alarm.cause.value)
            raise Stopped  # it dies
            yield

    with pytest.raises(Stopped):
        fleet.watch(Slow()).round()
    assert (told, inner.told) == (["lost"], [])

    fleet.days(1 / 140)
    fleet.watch(inner).round()
    assert inner.told == ["lost"]


def test_the_outage_of_the_sign_in_service_costs_few_questions(fleet: Fleet) -> None:
    fleet.days(8)
    fleet.unreachable = lambda: True
    watch = fleet.watch()

    fleet.live(watch, 10)

    assert fleet.asked < 3 * 3 * 40, "the pauses grow; each attempt asks three times"
    fleet.unreachable = lambda: False
    fleet.live(watch, 1)
    assert all(fleet.kept(number).age(fleet.clock.now()) < timedelta(days=1.1) for number in range(3))


def test_many_for_whom_nobody_answers_are_not_all_tried() -> None:
    fleet = Fleet(20).consents()
    fleet.days(8)
    fleet.unreachable = lambda: True

    done = fleet.watch().round()

    assert [type(result).__name__ for result in done.results] == ["NotReached"] * 8 + ["Postponed"] * 12


@pytest.mark.parametrize("jump", [-400.0, -2.0, 2.0, 400.0])
def test_a_clock_that_jumps_kills_nobody(fleet: Fleet, jump: float) -> None:
    """Back or ahead, and right again a month later: whoever is renewed in between gets times that are wrong."""
    somebody = Recorder()
    watch = fleet.watch(somebody, longest_pause=86400.0)
    fleet.live(watch, 20)

    fleet.clock.ahead = timedelta(days=jump)
    fleet.live(watch, 30)
    asked = fleet.asked
    fleet.clock.ahead = timedelta()
    fleet.live(watch, 100)

    assert [fleet.kept(number).state for number in range(3)] == [State.LIVE] * 3
    assert "lost" not in somebody.told
    assert fleet.asked - asked < 3 * 40, "and is not asked for all the time"


def test_ages_do_not_decrease_when_the_clock_goes_back_while_it_runs(fleet: Fleet) -> None:
    watch = fleet.watch()
    fleet.days(5)
    watch.round()

    fleet.clock.ahead = timedelta(days=-5)
    fleet.days(2.1)
    done = watch.round()

    assert [type(result).__name__ for result in done.results] == ["Renewed"] * 3, "seven days are seven days"


def test_a_wrong_secret_suspends_everybody_and_a_new_one_heals_them(fleet: Fleet) -> None:
    somebody = Recorder()
    fleet.days(8)
    right = fleet.application
    fleet.application = Application(WEB_APP, Secret("not the secret"))
    fleet.watch(somebody).round()

    assert somebody.told == ["suspended"] * 3

    fleet.application = right
    fleet.live(fleet.watch(somebody), 1)
    assert sorted(somebody.told[3:]) == ["clear suspended"] * 3


def test_several_at_a_time_each_once(fleet: Fleet) -> None:
    fleet.days(8)

    done = fleet.watch(at_once=4).round()

    assert sorted(type(result).__name__ for result in done.results) == ["Renewed"] * 3
    assert fleet.asked == 3


def test_a_fault_of_our_own_is_told_and_survived(fleet: Fleet) -> None:
    events: list[Event] = []
    stopping = Flag()

    def pause(seconds: float) -> None:
        if len(events) > 4:
            stopping.set()
            raise Stopped
        fleet.clock.sleep(seconds)

    class Broken(Told):
        def change(self, choose: Any) -> Any:
            raise RuntimeError("a canary that must not be printed")

    fleet.watch(Recorder(), told=Broken(), events=events, pause=pause, stopping=stopping).stay()

    assert names(events)[:3] == ["started", "fault", "fault"]
    assert events[1].facts == {"error": "RuntimeError"}
    assert names(events)[-1] == "stopped"


def test_where_its_settings_have_changed_it_ends_to_begin_anew(fleet: Fleet) -> None:
    events: list[Event] = []

    assert fleet.watch(changed=lambda: len(names(events)) >= 1, events=events).stay()
    assert names(events) == ["started", "changed", "stopped"]


def test_somebody_elsewhere_hears_hourly_that_the_watch_lives(fleet: Fleet) -> None:
    """Who does not hear it any more alarms: a watch that is dead cannot."""
    beats: list[int] = []

    def beat(done: Any) -> None:
        beats.append(len(done.consents))
        if len(beats) == 2:
            raise Unreachable("nobody listens")

    watch = fleet.watch(heartbeat=beat)
    fleet.live(watch, 3 / 24)
    assert beats == [3, 3, 3, 3], "after a failure again at the next look"

    fleet.store.down = lambda: True
    fleet.live(watch, 3 / 24)
    assert len(beats) == 4, "and not while it can do nothing"


def test_what_was_told_survives_in_a_file_where_the_store_cannot_remember(fleet: Fleet, tmp_path: Any) -> None:
    path = str(tmp_path / "state" / "watch.json")
    somebody = Recorder()
    fleet.revoke()
    fleet.days(8)
    fleet.watch().round()
    fleet.store.full = lambda: True

    def told() -> Told:
        return Told([StoreMemory(fleet.store, "watch-told"), FileMemory(path)])

    for _ in range(3):
        watch = fleet.watch(somebody, told=told(), own=Told([FileMemory(path)]), store_patience=1e9)
        watch.round()

    assert somebody.told == ["lost"]
    (tmp_path / "state" / "watch.json").write_bytes(b"\xff no JSON")
    fleet.watch(somebody, told=told()).round()
    assert somebody.told == ["lost", "lost"], "what cannot be read is told once more"


def test_a_forgotten_consent_ends_its_alarms(fleet: Fleet) -> None:
    somebody = Recorder()
    fleet.revoke()
    fleet.days(8)
    fleet.watch(somebody).round()

    fleet.run(fleet.book.forget(tenant_id(0)))
    fleet.watch(somebody).round()

    assert somebody.told == ["lost", "clear lost"]


def test_the_way_to_consent_is_made_only_when_somebody_is_told(fleet: Fleet) -> None:
    made: list[str] = []
    fleet.revoke()
    fleet.days(8)
    watch: Watch = fleet.watch(Recorder())

    def link(alarm: Alarm) -> Hidden:
        made.append(alarm.tenant)
        return Hidden("link")

    watch.teller = replace(watch.teller, link=link)

    for _ in range(5):
        watch.round()

    assert made == [tenant_id(0)]
