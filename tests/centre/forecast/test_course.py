from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.centre.forecast.samples import logs, past

from wutong.centre.forecast.course import Course
from wutong.centre.forecast.replay import replay
from wutong.centre.forecast.rules import Machine, Order, Past, Policy


def course(jobs: list[Past], cards: int = 16) -> Course:
    return Course(0.0, cards, [], [], [(job.ask.cards, job.ask.most_s, job.run_s, job.ask.name) for job in jobs])


def at_once(jobs: list[Past]) -> list[Past]:
    """All submitted at the same time, in order of name."""
    return [Past(job.ask.__class__(job.ask.name, job.ask.cards, job.ask.limit_s, 0.0), job.run_s) for job in jobs]


@given(logs(most_jobs=40))
def test_a_course_with_true_run_times_is_the_replay(jobs: list[Past]):
    jobs = at_once(jobs)
    starts = course(jobs).finish()
    assert [starts[job.ask.name] for job in jobs] == replay(jobs, Machine(16), Policy(Order.EASY))


@pytest.mark.parametrize(
    "shapes",
    [
        [(7, 1.0, 1.0), (4, 1.0, 1.0), (9, 8.0, 4.0), (9, 3.0, 3.0), (8, 4.0, 2.0), (3, 9.0, 3.0)],
        [(3, 2.0, 1.0), (8, 6.0, 2.0), (11, 6.0, 3.0), (2, 6.0, 2.0), (5, 9.0, 3.0)],
    ],
)
def test_jobs_that_end_together_are_counted_together(shapes: list[tuple[int, float, float]]):
    """Cards, limit and run time of jobs of which several are to end at the moment that is promised to the first in the queue."""
    jobs = [past(f"j{number}", cards, run, limit_s=limit) for number, (cards, limit, run) in enumerate(shapes)]
    starts = course(jobs).finish()
    assert [starts[job.ask.name] for job in jobs] == replay(jobs, Machine(16), Policy(Order.EASY))


@given(logs(most_jobs=40), st.integers(0, 100))
def test_a_job_put_last_starts_where_it_would_have_from_the_beginning(jobs: list[Past], looked_ahead: int):
    *rest, last = at_once(jobs)
    if not rest or course([*rest, last]).starts.get(last.ask.name) is not None:
        return
    ahead = course(rest)
    ahead.start_of(rest[looked_ahead % len(rest)].ask.name)
    job = (last.ask.cards, last.ask.most_s, last.run_s, last.ask.name)
    moment = ahead.room_for(0.0, *job[:2])
    start = ahead.append(0.0, job) if moment is None else ahead.take(moment, job)
    assert start == course([*rest, last]).start_of(last.ask.name)


def test_what_can_never_start_starts_never():
    ahead = Course(0.0, 0, [(10.0, 10.0, 4)], [(10.0, 4)], [(9, 5.0, 5.0, "wide"), (2, 5.0, 5.0, "narrow")])
    assert ahead.finish() == {"narrow": 10.0}
    assert ahead.start_of("wide") == inf


def test_a_job_that_never_ends_keeps_its_cards():
    ahead = Course(0.0, 0, [(inf, inf, 2), (10.0, 10.0, 2)], [(10.0, 2), (inf, 2)], [(3, 5.0, 5.0, "a"), (2, 5.0, 5.0, "b")])
    assert ahead.finish() == {"b": 10.0}
