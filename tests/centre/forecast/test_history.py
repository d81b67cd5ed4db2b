from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.forecast.history import KEPT, RunHistory
from wutong.centre.forecast.rules import Ask

ASK = Ask("j", 8, 3600.0, 0.0, "ann")
POINTS = (0.1, 0.3, 0.5, 0.7, 0.9)


def learnt(*runs: float, ask: Ask = ASK) -> RunHistory:
    history = RunHistory()
    for run in runs:
        history.learn(ask, run)
    return history


def test_draws_are_quantiles_of_what_really_ran():
    assert learnt(50, 10, 40, 20, 30).draw(ASK, 0.0, POINTS) == [10, 20, 30, 40, 50]


def test_a_job_that_runs_is_compared_with_those_that_ran_longer():
    assert learnt(50, 10, 40, 20, 30).draw(ASK, 30.0, (0.0, 0.9)) == [40, 50]


def test_the_users_own_record_goes_before_anybodys():
    history = learnt(10, 10)
    for _ in range(30):
        history.learn(Ask("o", 8, 3600.0, 0.0, "bob"), 3000.0)
    assert history.draw(ASK, 0.0, (0.5,)) == [10]
    assert history.draw(Ask("k", 8, 3600.0, 0.0, "new"), 0.0, (0.5,)) == [3000]


def test_a_new_user_is_taken_for_one_of_the_tenant():
    history = learnt(10, 10, ask=Ask("j", 8, 3600.0, 0.0, "a/ann", tenant="a"))
    for _ in range(30):
        history.learn(Ask("o", 8, 3600.0, 0.0, "b/bob", tenant="b"), 3000.0)
    assert history.draw(Ask("k", 8, 3600.0, 0.0, "a/new", tenant="a"), 0.0, (0.5,)) == [10]
    assert history.learnt == 32


def test_another_request_of_the_user_is_read_as_a_share_of_its_limit():
    assert learnt(360, 360, 360).draw(Ask("k", 4, 7200.0, 0.0, "ann"), 0.0, (0.5,)) == [720]


def test_only_the_last_few_count():
    assert learnt(*[1000.0] * KEPT, *[10.0] * KEPT).draw(ASK, 0.0, (0.99,)) == [10]


def test_who_is_unknown_without_a_limit_gets_a_guess_longer_than_it_ran():
    (drawn,) = RunHistory().draw(Ask("k", 4, None, 0.0), 5000.0, (0.5,))
    assert drawn == 10_000


@given(st.lists(st.floats(1, 1e5), max_size=40), st.floats(0, 1e5), st.sampled_from([None, 60.0, 3600.0, 1e5]))
def test_draws_lie_between_what_it_ran_and_its_limit(runs: list[float], ran: float, limit: float | None):
    ask = Ask("j", 2, limit, 0.0, "ann")
    history = learnt(*[min(run, limit or run) for run in runs], ask=ask)
    for drawn in history.draw(ask, ran, POINTS):
        assert ran < drawn <= max(ask.most_s, ran + 1.0)


def test_a_saved_history_draws_the_same():
    history = learnt(50, 10, 40, 20, 30)
    again = RunHistory.from_state(history.to_state())
    assert again.draw(ASK, 25.0, POINTS) == history.draw(ASK, 25.0, POINTS)
