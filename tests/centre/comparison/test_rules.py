"""When two accounts of a run agree: to the second and the card, start by start added up."""

from datetime import UTC, date, datetime

import pytest

from wutong.centre.comparison.rules import DifferenceKind, Start, compare, day_of, span
from wutong.centre.engines.operations import Accounted


def there(name="r", job="7", started=100, ended=160, cards=4, **more):
    return Accounted(name, job, True, "u", "a", "ai", more.pop("state", "COMPLETED"), started, ended, cards, 8, **more)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ([Start(0, 4, 240_000)], [there()], None),
        ([Start(0, 4, 240_000), Start(1, 4, 40_000)], [there(), there(started=200, ended=210)], None),
        ([Start(0, 4, 0)], [], None),
        ([], [there(ended=100)], None),
        ([Start(0, 4, 236_000)], [there()], DifferenceKind.DIFFERS),
        ([Start(0, 4, 240_000)], [there(cards=8)], DifferenceKind.DIFFERS),
        ([Start(0, 4, 240_000)], [there(), there(job="8", started=200, ended=201)], DifferenceKind.DIFFERS),
        ([Start(0, 4, 240_000)], [], DifferenceKind.MISSING_THERE),
        ([], [there()], DifferenceKind.MISSING_HERE),
        ([Start(0, 4, 240_000)], [there(), there(job="8", ended=None, state="RUNNING")], DifferenceKind.STILL_RUNNING),
    ],
)
def test_what_differs_is_named(ours, theirs, kind):
    found = compare({"r": ours}, {"r": theirs})
    assert [each.kind for each in found] == ([] if kind is None else [kind])


def test_processors_alone_are_counted_as_we_count_them():
    assert compare({"r": [Start(0, 16, 960_000)]}, {"r": [there(cards=None)]}) == []


def test_a_difference_shows_both_sides():
    (found,) = compare({"r": [Start(0, 4, 236_000)]}, {"r": [there()]})
    assert (found.our_card_ms, found.their_card_ms) == (236_000, 240_000)
    assert found.ours == "start 0: 236.000 card-s on 4"
    assert found.theirs == "job 7 COMPLETED from 1970-01-01T00:01:40Z: 60 s on 4"


def test_days_are_those_of_the_bill():
    day = date(2026, 1, 5)
    assert span(day) == (datetime(2026, 1, 4, 16, tzinfo=UTC), datetime(2026, 1, 5, 16, tzinfo=UTC))
    assert day_of(datetime(2026, 1, 5, 15, 59, tzinfo=UTC)) == day
