"""Announcements: who sees them, from when to when, and who may say anything at all."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from wutong.centre import service as centre
from wutong.desk.announcements import service
from wutong.desk.announcements.rules import Audience, Draft, NotDismissible
from wutong.kit import clock
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest


def titles(session, who):
    return [each.title("en") for each in service.list_current(session, who)]


def announce(session, cast, title, **more):
    return service.announce(session, cast.operator, Draft(title_zh="通知", title_en=title, **more))


def test_each_audience_sees_its_own(session, cast):
    centre.seed_local(session, slots=4, cpus=4, memory_mb=8192)
    for audience in (Audience.EVERYONE, Audience.SIGNED_IN):
        announce(session, cast, audience.value, audience=audience)
    announce(session, cast, "pool", audience=Audience.POOL, pool="local")
    assert titles(session, None) == ["everyone"]
    assert set(titles(session, cast.stranger)) == {"everyone", "signed_in"}
    assert set(titles(session, cast.operator)) == {"everyone", "signed_in", "pool"}
    used = text("INSERT INTO centre_utilisation (hour, pool, node, tenant, card_ms) VALUES (:hour, 'local', 'n1', :tenant, 5)")
    session.execute(used, {"hour": clock.now(), "tenant": cast.owner.tenant_id})
    assert "pool" in titles(session, cast.owner)
    assert "pool" not in titles(session, cast.stranger)


def test_from_then_to_then_in_both_languages(session, cast, fake_clock):
    now = fake_clock.now()
    made = announce(session, cast, "later", begins_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=2), text_zh="详情", text_en="More")
    seen = []
    for _ in range(3):
        seen.append(titles(session, cast.owner))
        fake_clock.advance(3600)
    assert seen == [[], ["later"], []]
    assert (made.title("zh"), made.text("zh"), made.text("en")) == ("通知", "详情", "More")


def test_one_may_be_put_away_by_each_for_themselves(session, cast):
    away = announce(session, cast, "away")
    stays = announce(session, cast, "stays", dismissible=False)
    service.dismiss(session, cast.owner, away.id)
    service.dismiss(session, cast.owner, away.id)
    assert titles(session, cast.owner) == ["stays"]
    assert set(titles(session, cast.colleague)) == {"stays", "away"}
    with pytest.raises(NotDismissible):
        service.dismiss(session, cast.owner, stays.id)
    with pytest.raises(NotFound):
        service.dismiss(session, cast.owner, "ann_none")


def test_what_is_withdrawn_is_kept_for_the_centre(session, cast):
    made = announce(session, cast, "wrong")
    service.withdraw(session, cast.operator, made.id)
    assert titles(session, cast.owner) == []
    assert [each.withdrawn_at is None for each in service.list_all(session, cast.finance, PageRequest()).items] == [False]
    with pytest.raises(NotFound):
        service.withdraw(session, cast.operator, made.id)


def test_only_operators_announce(session, cast):
    for who in (cast.owner, cast.finance):
        with pytest.raises(Forbidden):
            service.announce(session, who, Draft("通知", "Notice"))
        with pytest.raises(Forbidden):
            service.withdraw(session, who, "ann_none")
    with pytest.raises(Forbidden):
        service.list_all(session, cast.owner)


@pytest.mark.parametrize(
    "wrong",
    [
        {"title_zh": " "},
        {"title_en": "x" * 121},
        {"text_zh": "只有中文"},
        {"audience": Audience.POOL},
        {"pool": "local"},
        {"ends_at": clock.now() - timedelta(days=1)},
    ],
)
def test_drafts_that_make_no_sense(session, cast, wrong):
    with pytest.raises(Invalid):
        service.announce(session, cast.operator, Draft(**{"title_zh": "通知", "title_en": "Notice", **wrong}))
