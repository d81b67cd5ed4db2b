"""Usage over time: by day and group, net of what was taken back, only one's own."""

from datetime import date, timedelta

import pytest
from tests.compute import money as world

from wutong.compute.billing.settler import Settler
from wutong.compute.budgets.rules import BILL_ZONE, month_bounds, month_of
from wutong.compute.spending import service
from wutong.compute.spending.rules import MOST_GROUPS, By, DayPart, days_of, gather, runway_days
from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.kit.loops import drain
from wutong.kit.paging import PageRequest

DAYS = (date(2026, 11, 1), date(2026, 11, 2))


def part(key: str, ms: int, day: date = DAYS[0]) -> DayPart:
    return DayPart(day, key, ms, 0, ms // 1000)


def test_days_of_a_month_are_all_there():
    days = days_of(*month_bounds("2026-02"))
    assert (days[0], days[-1], len(days)) == (date(2026, 2, 1), date(2026, 2, 28), 28)


def test_groups_are_ranked_and_few():
    found = gather(By.PERSON, DAYS, [part(f"per_{number}", 1000 * number) for number in range(1, 12)])
    assert len(found.groups) == MOST_GROUPS
    assert [group.key for group in found.groups[:2]] == ["per_11", "per_10"]
    assert found.groups[-1].rest
    assert sum(group.card_ms for group in found.groups) == 66_000


def test_each_day_has_its_place():
    found = gather(By.FLAVOUR, DAYS, [part("npu.1", 5000), part("npu.1", 3000, DAYS[1])])
    assert found.groups[0].daily_card_ms == (5000, 3000)
    assert found.groups[0].amount_fen == 8


@pytest.mark.parametrize(
    ("left", "daily", "days"),
    [
        (700, [100] * 30, 7),
        (700, [0] * 23 + [100] * 6 + [5000], 7),  # six whole days since the first; today does not count
        (750, [900] * 10 + [50] * 7 + [0], 15),  # only the last seven count
        (0, [100] * 30, 0),
        (-50, [100] * 30, 0),
        (700, [0] * 29 + [400], None),
        (700, [100] + [0] * 29, None),
        (700, [], None),
    ],
)
def test_how_long_money_lasts(left, daily, days):
    assert runway_days(left, daily) == days


def test_the_last_days_are_one_group_over_the_end_of_a_month(database, fake_clock):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
        mine = world.start(session, "job_1")
        begun = clock.now()
        for day in (0, 20, 40):
            world.use(session, mine, begun + timedelta(days=day), 3_600_000)
    drain(Settler(database).step)
    fake_clock.advance(timedelta(days=40, hours=2).total_seconds())
    with database.session() as session:
        found = service.last_days(session, world.member(), 30)
        assert len(found.days) == 30
        assert found.days[-1] == clock.now().astimezone(BILL_ZONE).date()
        (group,) = found.groups
        assert [ms for ms in group.daily_card_ms if ms] == [3_600_000, 3_600_000]
        assert group.card_ms == 7_200_000
        assert service.last_days(session, world.member("ten_other"), 30).groups[0].card_ms == 0


@pytest.mark.parametrize("by", list(By))
def test_charges_are_added_up_by_day(database, fake_clock, by):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
        mine = world.start(session, "job_1")
        theirs = world.start(session, "job_2", person_id="per_b")
        begun = clock.now()
        world.use(session, mine, begun, 3_600_000)
        world.use(session, mine, begun + timedelta(days=1), 1_800_000)
        world.use(session, theirs, begun, 600_000)
    drain(Settler(database).step)
    months = {month_of(begun), month_of(begun + timedelta(days=1))}
    with database.session() as session:
        found = [service.spending(session, world.member(), month, by) for month in sorted(months)]
        groups = [group for each in found for group in each.groups]
        assert sum(group.card_ms for group in groups) == 6_000_000
        assert sum(group.amount_fen for group in groups) == 1000
        assert sum(fen for group in groups for fen in group.daily_fen) == 1000
        if by is By.PERSON:
            assert {group.key for group in groups} == {"per_a", "per_b"}
        assert service.spending(session, world.member("ten_other"), min(months), by).groups == ()


def test_a_text_that_is_no_month_is_refused(database):
    with database.session() as session, pytest.raises(Invalid):
        service.spending(session, world.member(), "november", By.PERSON)


def test_every_line_of_a_month_comes_once_however_small_the_pages(database, fake_clock):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
        for number in range(3):
            run = world.start(session, f"job_{number}", job_name=f"train {number}")
            for minute in range(2):
                world.use(session, run, clock.now() + world.minutes(minute), 60_000)
    drain(Settler(database).step)
    month, seen, after = month_of(clock.now()), [], None
    with database.session() as session:
        while True:
            page = service.month_lines(session, world.member(), month, PageRequest(2, after))
            seen += [(line.job_name, line.charge.seq) for line in page.items]
            after = page.next
            if after is None:
                break
        assert service.month_lines(session, world.member("ten_other"), month, PageRequest()).items == []
    assert len(seen) == len(set(seen)) == 6
    assert [name for name, _ in seen] == ["train 0", "train 0", "train 1", "train 1", "train 2", "train 2"]
