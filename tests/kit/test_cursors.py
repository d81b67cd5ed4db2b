"""Cursors move once, forward, with what was done."""

import pytest

from wutong.kit import cursors
from wutong.kit.errors import Conflict


def test_a_cursor_moves_from_where_it_stood(database):
    with database.session() as session:
        assert cursors.read(session, "reader") == 0
        cursors.advance(session, "reader", before=0, after=7)
    with database.session() as session:
        assert cursors.read(session, "reader") == 7


def test_two_workers_cannot_both_move_it(database):
    with database.session() as session:
        cursors.advance(session, "reader", before=0, after=7)
    with pytest.raises(Conflict), database.session() as session:
        cursors.advance(session, "reader", before=0, after=9)
    with database.session() as session:
        assert cursors.read(session, "reader") == 7


def test_it_never_goes_back(session):
    with pytest.raises(ValueError):
        cursors.advance(session, "reader", before=9, after=7)


def test_a_foreign_cursor_is_kept_beside(database):
    with database.session() as session:
        cursors.set_text(session, "engine", "abc")
        cursors.set_text(session, "engine", "abd")
    with database.session() as session:
        assert cursors.read_text(session, "engine") == "abd"
