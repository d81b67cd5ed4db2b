"""Hints that were put away: each person's own, for each organisation."""

from wutong.desk.hints import service
from wutong.desk.hints.rules import Hint


def test_what_one_puts_away_others_still_see_until_it_is_brought_back(session, cast):
    assert not service.is_put_away(session, cast.owner, Hint.FIRST_STEPS)
    service.put_away(session, cast.owner, Hint.FIRST_STEPS)
    service.put_away(session, cast.owner, Hint.FIRST_STEPS)
    assert [service.is_put_away(session, who, Hint.FIRST_STEPS) for who in (cast.owner, cast.colleague, cast.stranger)] == [True, False, False]
    service.bring_back(session, cast.owner, Hint.FIRST_STEPS)
    assert not service.is_put_away(session, cast.owner, Hint.FIRST_STEPS)
