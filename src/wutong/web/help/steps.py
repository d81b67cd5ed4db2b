"""The guide of the first steps as a pure decision: what an organisation has already, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wutong.compute.jobs.rules import ENDED, Job, JobState


class Step(StrEnum):
    """What leads from an empty organisation to a model."""

    MONEY = "money"
    DATA = "data"
    JOB = "job"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there: `money` and `data` are None where the reader may not see them; `job` is the one to look at, `model` where its result is."""

    money: bool | None
    data: bool | None
    job: Job | None
    model: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended well."""
        return self.job is not None and self.job.state is JobState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps that are done, the one to do next (None at the end), and those that may be done already although another comes first."""

    done: frozenset[Step]
    next: Step | None
    open: frozenset[Step]


def plan(standing: Standing) -> Guide:
    """Decide what to do next. Data can be had while the money is on its way; a job that exists has had all it needed."""
    begun = standing.job is not None
    had = {
        Step.MONEY: begun or standing.money is not False,
        Step.DATA: begun or bool(standing.data),
        Step.JOB: begun,
        Step.RESULT: standing.succeeded,
    }
    done = frozenset(step for step, is_done in had.items() if is_done)
    left = [step for step in Step if step not in done]
    waiting_for_money = left[:1] == [Step.MONEY]
    return Guide(done, left[0] if left else None, frozenset({Step.DATA} & set(left)) if waiting_for_money else frozenset())


def job_to_show(latest: Sequence[Job]) -> Job | None:
    """Choose the job that the guide speaks of: one that succeeded, else one that is under way, else the latest."""
    ranked = sorted(latest, key=lambda job: (job.state is not JobState.SUCCEEDED, job.state in ENDED))
    return ranked[0] if ranked else None
