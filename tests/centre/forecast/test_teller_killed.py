"""The teller ended between any two of its steps, by a kill or by a failure that its process survives: it tells the same as one left alone."""

import pytest
from tests.centre.forecast.test_teller import AT_ONCE, Story, story
from tests.fate import Broken, Fate, Killed
from tests.tables import take_picture

from wutong.centre.forecast.teller import Teller
from wutong.centre.forecast.told import ENOUGH
from wutong.kit.database import Database

__all__ = ["story"]
WAITING = ("first", "second")


@pytest.mark.parametrize("end", [Killed, Broken])
def test_what_is_told_is_as_if_nothing_had_happened(story: Story, database: Database, end):
    story.learn(ENOUGH)
    story.fill()
    story.want(*WAITING)
    story.clock.advance(60)
    fate, picture, teller = Fate(database), take_picture(database), [story.teller]

    def begin() -> None:
        picture.bring_back(database)
        teller[0] = Teller(database, story.engines, AT_ONCE)

    def work() -> None:
        for _ in range(3):
            teller[0].step()

    begin()
    work()
    told, accuracy = story.told(*WAITING), story.accuracy()
    assert set(told) == set(WAITING)
    points = 0
    for ended in fate.everywhere(begin, work, end):
        if ended:
            teller[0] = teller[0] if end is Broken else Teller(database, story.engines, AT_ONCE)
            work()
        assert (points, story.told(*WAITING), story.accuracy()) == (points, told, accuracy)
        points += ended
    assert points > 10
