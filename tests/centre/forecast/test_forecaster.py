import json
import random
from math import inf
from pathlib import Path
from statistics import median

import pytest

from wutong.centre.forecast.forecaster import Forecaster
from wutong.centre.forecast.planner import cut
from wutong.centre.forecast.replay import replay
from wutong.centre.forecast.rules import Ask, Machine, Past, Policy, Prediction, Running
from wutong.centre.forecast.traces import load_trace


def ask(name: str, cards: int = 4, limit: float | None = 1000.0, *, at: float = 0.0, user: str = "ann", priority: float = 0.0) -> Ask:
    return Ask(name, cards, limit, at, user, priority)


def trained(cards: int = 4, run: float = 100.0) -> Forecaster:
    forecaster = Forecaster(cards)
    for _ in range(5):
        forecaster.learn(ask("past"), run)
    return forecaster


def follow(forecaster: Forecaster, jobs: list[Past], cards: int) -> list[tuple[Prediction, float]]:
    """Feed a log and the starts of its replay; return each job's forecast and real start."""
    starts = replay(jobs, Machine(cards), Policy())
    events = []
    for number, (job, start) in enumerate(zip(jobs, starts, strict=True)):
        at_once = start == job.ask.submit_s
        events += [(start + job.run_s, 0, 0, number), (start, 2 if at_once else 1, 2 * number + 1, number), (job.ask.submit_s, 2, 2 * number, number)]
    told = {}
    for now, kind, step, number in sorted(events):
        name = jobs[number].ask.name
        if kind == 0:
            forecaster.observe_end(now, name)
        elif step % 2:
            forecaster.observe_start(now, name)
        else:
            told[number] = forecaster.observe_submit(now, jobs[number].ask)
    return [(told[number], starts[number]) for number in range(len(jobs))]


def synthetic(count: int, seed: int = 3) -> list[Past]:
    """Users who ask for an hour and need a part of it that is theirs, more or less."""
    chance, now, jobs = random.Random(seed), 0.0, []
    for number in range(count):
        now += chance.expovariate(1 / 115)
        user = chance.randrange(12)
        run = min(3600.0, 120.0 * (1 + user) * chance.lognormvariate(0, 0.4))
        jobs.append(Past(Ask(f"j{number:05}", chance.choice([1, 2, 4, 8]), 3600.0, now, f"u{user}"), run))
    return jobs


def test_what_fits_starts_now():
    assert Forecaster(8).observe_submit(5.0, ask("a", at=5.0)) == Prediction(5.0, 5.0)


def test_what_waits_is_foretold_by_what_the_user_ran_before_not_by_limits():
    forecaster = trained()
    forecaster.observe_submit(0.0, ask("a"))
    forecaster.observe_start(0.0, "a")
    first = forecaster.observe_submit(10.0, ask("b", at=10.0))
    second = forecaster.observe_submit(20.0, ask("c", at=20.0))
    assert (first.start_s, second.start_s) == (100, 200)
    assert first.bound_s > first.start_s


def test_one_look_says_the_same_as_hearing_of_each():
    forecaster = trained()
    found = forecaster.predict(20.0, [Running(ask("a"), 0.0)], [ask("c", at=20.0), ask("b", at=10.0), ask("s", 1, at=25.0)])
    assert [found[name].start_s for name in "bcs"] == [100, 200, 300]


def test_priority_goes_before_age():
    found = trained().predict(20.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0), ask("c", at=2.0, priority=5.0)])
    assert found["c"].start_s < found["b"].start_s


def test_a_job_of_higher_priority_is_foretold_before_those_that_wait():
    forecaster = trained()
    forecaster.predict(20.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    assert forecaster.observe_submit(30.0, ask("c", at=30.0, priority=5.0)).start_s == 100


def test_a_job_too_wide_for_the_machine_is_never_foretold_and_holds_nobody_up():
    found = trained().predict(20.0, [Running(ask("a"), 0.0)], [ask("b", 5), ask("c", 4, at=2.0)])
    assert found["b"] == Prediction(inf, inf)
    assert found["c"].start_s == 100


def test_jobs_without_limits_are_foretold_too():
    forecaster = Forecaster(4)
    for _ in range(3):
        forecaster.learn(ask("past", limit=None), 50.0)
    found = forecaster.predict(20.0, [Running(ask("a", limit=None), 0.0)], [ask("b", limit=None, at=1.0)])
    assert found["b"].start_s == 50
    forecaster.observe_end(60.0, "a")
    forecaster.observe_start(60.0, "b")
    assert forecaster.accuracy(60.0).limits_jobs == 0


def test_a_job_that_runs_longer_than_any_before_is_expected_to_go_on():
    found = trained().predict(500.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    assert 500 < found["b"].start_s <= 1000


def test_events_of_jobs_never_heard_of_are_passed_over():
    forecaster = Forecaster(4)
    forecaster.observe_start(1.0, "ghost")
    forecaster.observe_end(2.0, "ghost")
    assert forecaster.observe_submit(3.0, ask("a", at=3.0)).start_s == 3


def test_a_job_that_leaves_the_queue_makes_room_for_the_next():
    forecaster = trained()
    forecaster.predict(10.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    forecaster.observe_end(20.0, "b")
    assert forecaster.observe_submit(30.0, ask("c", at=30.0)).start_s == 100


def test_a_start_seen_only_in_a_later_look_is_scored():
    forecaster = trained()
    forecaster.predict(10.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    forecaster.predict(150.0, [Running(ask("b", at=1.0), 120.0)], [])
    found = forecaster.accuracy(200.0)
    assert (found.jobs, found.coverage) == (1, 1.0)
    assert found.median_error_s == pytest.approx(20.0, rel=0.03)
    assert found.limits_median_error_s == pytest.approx(880.0, rel=0.03)


def test_a_saved_forecaster_goes_on_where_it_was():
    jobs = synthetic(1500)
    forecaster = Forecaster(32)
    follow(forecaster, jobs, 32)
    again = Forecaster.from_state(32, json.loads(json.dumps(forecaster.to_state())))
    look = (2e5, [Running(ask("r", 30, 3600.0, user="u3"), 2e5 - 60)], [ask("q", 8, 3600.0, at=2e5, user="u4")])
    assert again.predict(*look)["q"].bound_s == pytest.approx(forecaster.predict(*look)["q"].bound_s, rel=0.5)
    assert again.accuracy(2e5) == forecaster.accuracy(2e5)


def test_what_was_told_survives_a_restart_and_is_scored():
    forecaster = trained()
    told = forecaster.predict(10.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    again = Forecaster.from_state(4, json.loads(json.dumps(forecaster.to_state())))
    again.predict(50.0, [Running(ask("a"), 0.0)], [ask("b", at=1.0)])
    again.observe_end(300.0, "a")
    again.observe_start(300.0, "b")
    assert again.accuracy(300.0).median_error_s == pytest.approx(300.0 - told["b"].start_s, rel=0.03)


def test_a_saved_state_does_not_grow_with_the_jobs_seen():
    forecaster = Forecaster(32)
    follow(forecaster, synthetic(1000), 32)
    small = len(json.dumps(forecaster.to_state()))
    follow(
        forecaster,
        [Past(Ask("x" + job.ask.name, job.ask.cards, job.ask.limit_s, job.ask.submit_s + 1e6, job.ask.user), job.run_s) for job in synthetic(3000)],
        32,
    )
    assert len(json.dumps(forecaster.to_state())) < 2 * small


def test_nine_in_ten_start_by_the_bound_and_limits_are_beaten_on_made_up_work():
    forecaster = Forecaster(32)
    jobs = synthetic(6000)
    found = [
        (told.start_s - job.ask.submit_s, told.bound_s - job.ask.submit_s, start - job.ask.submit_s)
        for job, (told, start) in zip(jobs, follow(forecaster, jobs, 32), strict=True)
    ]
    foretold = [one for one in found if one[0] >= 60]
    assert len(foretold) > 1000
    assert 0.87 <= sum(waited <= bound for _, bound, waited in foretold) / len(foretold) <= 0.93
    accuracy = forecaster.accuracy(jobs[-1].ask.submit_s)
    assert accuracy.median_error_s < 0.3 * accuracy.limits_median_error_s


def test_patience_costs_little_accuracy():
    jobs = synthetic(1500)
    errors = []
    for patience in (0.0, 0.03):
        found = follow(Forecaster(32, patience=patience), jobs, 32)
        errors.append(median(abs(told.start_s - start) for told, start in found if told.bound_s > told.start_s))
    assert errors[1] < 1.3 * errors[0]


@pytest.mark.slow
def test_sdsc_blue_is_foretold_several_times_better_than_by_limits(sdsc_blue: Path):
    jobs = cut(load_trace(sdsc_blue).jobs[:20_000])
    forecaster = Forecaster(1152)
    found = follow(forecaster, jobs, 1152)
    foretold = [(told, start) for job, (told, start) in zip(jobs, found, strict=True) if told.start_s - job.ask.submit_s >= 60]
    assert 0.88 <= sum(start <= told.bound_s for told, start in foretold) / len(foretold) <= 0.92
    accuracy = forecaster.accuracy(jobs[-1].ask.submit_s)
    assert accuracy.median_error_s < 0.25 * accuracy.limits_median_error_s


def test_a_probe_is_told_what_a_last_job_would_be_and_changes_nothing():
    forecaster = trained(run=100.0)
    running = [Running(ask("on"), 0.0)]
    queued = [ask("next", at=1.0)]
    before = forecaster.predict(10.0, running, queued)
    probe = forecaster.probe(10.0, ask("probe", at=10.0))
    assert probe.start_s == pytest.approx(200.0), "after the one that runs and the one that waits"
    assert forecaster.probe(10.0, ask("wide", cards=5, at=10.0)).start_s == float("inf")
    assert forecaster.predict(10.0, running, queued) == before
    assert not forecaster.knows("probe")


def test_a_job_whose_priority_moves_is_still_the_same_job():
    forecaster = trained(run=100.0)
    running, queued = [Running(ask("on"), 0.0)], [ask("a", at=1.0), ask("b", at=2.0)]
    assert forecaster.predict(10.0, running, queued)["b"].start_s > forecaster.predict(10.0, running, queued)["a"].start_s
    raised = [queued[0], ask("b", at=2.0, priority=1.0)]
    told = forecaster.predict(10.0, running, raised)
    assert told["b"].start_s < told["a"].start_s


def test_a_pool_that_grows_starts_more():
    forecaster = trained(cards=4)
    running, queued = [Running(ask("on"), 0.0)], [ask("a", at=1.0)]
    assert forecaster.predict(10.0, running, queued)["a"].start_s > 10.0
    forecaster.resize(8)
    assert forecaster.predict(10.0, running, queued)["a"].start_s == 10.0
