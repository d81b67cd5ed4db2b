"""Whatever happens to machines and people, an accepted job ends exactly once, terminal stays terminal, tries are kept to, and no hold is left."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.compute.jobs.jobskit import World

from wutong.centre import service as centre
from wutong.centre.engines.fake import Script
from wutong.centre.engines.protocol import EndReason, Phase
from wutong.centre.rules import RunPhase, StopWhy
from wutong.compute.jobs import store
from wutong.compute.jobs.rules import ENDED, FREE_ATTEMPTS, Cause, Job, JobState, after_end, array_state
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.ledger import service as ledger

OUTSIDE = [EndReason.NODE_LOST, EndReason.ENGINE_FAULT, EndReason.PREEMPTED, EndReason.OUT_OF_MEMORY, EndReason.DISK_FULL]
ENDS = [
    Script(seconds=3),
    Script(seconds=3, exit_code=1),
    Script(seconds=200),
    Script(seconds=2, reason=EndReason.OUT_OF_MEMORY),
    Script(seconds=40, stop_seconds=5),
]


class JobLife(RuleBasedStateMachine):
    """Tenants, an engine with faults, loops that run in any order or are late."""

    make: Any

    @initialize()
    def open_the_centre(self) -> None:
        self.world: World = self.make()
        self.owner = self.world.tenant("luojia", yuan=1000)
        self.jobs: dict[str, Job] = {}
        self.ended: dict[str, tuple[JobState, Cause | None]] = {}

    @rule(tries=st.integers(1, 3), script=st.sampled_from(ENDS), limit=st.sampled_from([10, 600]), wait=st.booleans())
    def submit(self, tries: int, script: Script, limit: int, wait: bool) -> None:
        self.world.engine.default = script
        alive = [job_id for job_id in self.jobs if job_id not in self.ended]
        after = tuple(alive[:2]) if wait else ()
        try:
            self._keep(self.world.submit(self.owner, tries=tries, time_limit_s=limit, after=after))
        except Problem as error:
            if error.status not in (402, 422):
                raise

    @rule(size=st.integers(1, 4), limit=st.integers(1, 3))
    def submit_array(self, size: int, limit: int) -> None:
        parent = self._keep(self.world.submit(self.owner, array=f"0-{size - 1}%{limit}", time_limit_s=60))
        for child in self.world.children(parent):
            self._keep(child)

    @rule(chosen=st.randoms(use_true_random=False))
    def cancel(self, chosen: Any) -> None:
        if self.jobs:
            self.world.cancel(self.owner, self.jobs[chosen.choice(sorted(self.jobs))])

    @rule(seconds=st.sampled_from([0, 1, 5, 30]))
    def time_passes_outside(self, seconds: int) -> None:
        self.world.engine.advance(seconds)
        self.world.clock.advance(seconds)

    @rule(name=st.sampled_from(["reconciler", "tracker", "preparer", "collector", "meter", "settler"]))
    def a_loop_works(self, name: str) -> None:
        getattr(self.world, name).step()

    @rule()
    def all_loops_work(self) -> None:
        self.world.run_loops()

    @rule(chosen=st.randoms(use_true_random=False), reason=st.sampled_from(OUTSIDE))
    def a_machine_fails(self, chosen: Any, reason: EndReason) -> None:
        running = [name for name, run in self.world.engine._runs.items() if run.seen.phase is Phase.RUNNING]
        if running:
            self.world.engine.end(chosen.choice(sorted(running)), reason)

    @rule()
    def the_engine_goes_dark_or_comes_back(self) -> None:
        if self.world.engine._dark:
            self.world.engine.come_back()
        else:
            self.world.engine.go_dark()

    @rule(lost=st.booleans())
    def an_answer_is_lost(self, lost: bool) -> None:
        if lost:
            self.world.engine.lose_answer()
        else:
            self.world.engine.lose_submission()

    @rule(why=st.sampled_from([StopWhy.MONEY, StopWhy.PREEMPT]), chosen=st.randoms(use_true_random=False))
    def the_centre_stops_a_run(self, why: StopWhy, chosen: Any) -> None:
        with self.world.database.session() as session:
            names = sorted(attempt.run_name for job in self.jobs for attempt in store.attempts_of(session, job) if attempt.ended_at is None)
            if names:
                centre.request_stop(session, chosen.choice(names), why=why)

    @invariant()
    def terminal_is_terminal_and_tries_are_kept_to(self) -> None:
        if not hasattr(self, "jobs"):
            return
        with self.world.database.session() as session:
            for job in store.lock_jobs(session, list(self.jobs)).values():
                if job.id in self.ended:
                    assert (job.state, job.reason) == self.ended[job.id]
                elif job.state in ENDED:
                    assert job.ended_at is not None
                    assert job.reason is not None
                    self.ended[job.id] = (job.state, job.reason)
                assert job.tries_used <= job.request.tries
                assert job.attempt <= job.request.tries + FREE_ATTEMPTS

    def teardown(self) -> None:
        if not hasattr(self, "jobs"):
            return
        self.world.engine.come_back()
        self.world.engine.default = Script(seconds=1)
        for _ in range(60):
            self.world.advance(60)
            if all(self.world.job(job).ended for job in self.jobs.values()):
                break
        for _ in range(3):
            self.world.advance(700)
        self._check_the_end()

    def _check_the_end(self) -> None:
        self.terminal_is_terminal_and_tries_are_kept_to()
        with self.world.database.session() as session:
            for job in self.jobs.values():
                now = store.find_job(session, job.id, tenant_id=None)
                assert now is not None
                assert now.ended, (now.state, now.wait_reason, now.detail)
                endings = [event.what for event in store.events_of(session, job.id, after=0, limit=500) if event.what in ENDED]
                assert endings == [now.state]
                for attempt in store.attempts_of(session, job.id):
                    run = centre.get_run(session, attempt.run_name)
                    assert run.phase is RunPhase.ENDED
                    assert attempt.ended_at is not None
                    assert (attempt.started_at is None) == (run.started_at is None)
            assert ledger.balance(session, self.owner.tenant_id or "").held_fen == 0
            assert ledger.check(session).problems == []
        started = [name for name, _ in self.world.engine.starts]
        assert len(started) == len(set(started)) + sum(restart > 0 for _, restart in self.world.engine.starts)

    def _keep(self, job: Job) -> Job:
        self.jobs[job.id] = job
        return job


@pytest.mark.timeout(900)
def test_the_life_of_jobs(database, tmp_path_factory):
    from tests.tables import empty

    def make() -> World:
        empty(database)
        return World(database, fake, tmp_path_factory.mktemp("world"), slots=2)

    fake = clock.FakeClock()
    JobLife.make = staticmethod(make)
    with clock.use(fake):
        run_state_machine_as_test(JobLife, settings=settings(settings.default, max_examples=max(settings.default.max_examples // 4, 5)))


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_end_has_a_meaning_and_no_job_is_tried_for_ever(world, owner, reason):
    job = world.submit(owner, tries=3)
    for _ in range(FREE_ATTEMPTS + 4):
        verdict = after_end(job, reason)
        if not verdict.again:
            break
        used = {"free_used": job.free_used + 1} if verdict.free else {"tries_used": job.tries_used + 1}
        job = type(job)(**{**{name: getattr(job, name) for name in job.__slots__}, **used})
    else:
        pytest.fail("tried for ever")
    assert verdict.state in ENDED


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({JobState.WAITING: 3}, JobState.WAITING),
        ({JobState.WAITING: 3, JobState.QUEUED: 1}, JobState.QUEUED),
        ({JobState.QUEUED: 3, JobState.RUNNING: 1}, JobState.RUNNING),
        ({JobState.WAITING: 3, JobState.SUCCEEDED: 1}, JobState.RUNNING),
        ({JobState.SUCCEEDED: 3}, JobState.SUCCEEDED),
        ({JobState.SUCCEEDED: 3, JobState.CANCELLED: 1}, JobState.CANCELLED),
        ({JobState.SUCCEEDED: 3, JobState.CANCELLED: 1, JobState.FAILED: 1}, JobState.FAILED),
    ],
)
def test_an_array_stands_where_its_jobs_stand(counts, state):
    assert array_state(counts)[0] is state
