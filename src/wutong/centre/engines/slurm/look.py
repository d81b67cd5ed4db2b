"""The picture of the queue: what the last look saw of every job, and what has changed since the one before. What has not changed is not even read."""

from collections.abc import Iterable, Iterator

from wutong.centre.engines.slurm import parse
from wutong.centre.engines.slurm.rules import Job, Standing, standing


class Picture:
    """All jobs by id, ours and others', as of the last look."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.by_name: dict[str, set[str]] = {}
        self._records: set[str] = set()
        self._in_order: list[str] = []
        self._ranks: dict[str, int] | None = None

    def take(self, records: list[str]) -> tuple[list[Job], list[Job]]:
        """Take a new look in; return the jobs that are new or changed, and those that are no longer there."""
        now = set(records)
        dropped = [job for record in self._records - now if (job := self._drop(record)) is not None]
        changed = [job for record in now - self._records if (job := self._put(record)) is not None]
        self._records, self._in_order, self._ranks = now, records, None
        return changed, [job for job in dropped if self.find(job.id, job.name, job.user) is None]

    def find(self, job_id: str, name: str, user: str) -> Job | None:
        """Return the job, if the look saw it. An id alone tells nothing: after a crash of the controller it may be another's."""
        job = self.jobs.get(job_id)
        return job if job is not None and (job.name, job.user) == (name, user) else None

    def named(self, name: str, user: str) -> Iterator[Job]:
        """Yield the jobs of a name and user, by falling id."""
        for job_id in sorted(self.by_name.get(name, ()), key=_number, reverse=True):
            job = self.jobs[job_id]
            if job.user == user:
                yield job

    def rank(self, job_id: str) -> int | None:
        """Return how many jobs of the same partition come before a waiting one, where the cluster's order says so."""
        if self._ranks is None:
            self._ranks = dict(_ranks(self._in_order))
        return self._ranks.get(job_id)

    def foreign(self, ours: Iterable[str]) -> list[Job]:
        """List the jobs that are not of these names."""
        known = set(ours)
        return [job for job in self.jobs.values() if job.name not in known]

    def _put(self, record: str) -> Job | None:
        job = parse.job(record)
        if job is not None:
            self.jobs[job.id] = job
            self.by_name.setdefault(job.name, set()).add(job.id)
        return job

    def _drop(self, record: str) -> Job | None:
        job_id, _, _rest = record.partition("|")
        job = self.jobs.pop(job_id, None)
        if job is not None:
            ids = self.by_name[job.name]
            ids.discard(job_id)
            if not ids:
                del self.by_name[job.name]
        return job


_HELD = ("JobHeld", "Dependency", "launch_failed", "job_requeued", "BadConstraints")


def _ranks(records: list[str]) -> Iterator[tuple[str, int]]:
    ahead: dict[str, int] = {}
    for record in records:
        job_id, state, reason, _user, partition, *_rest = *record.split("|", 5), "", "", "", "", ""
        if standing(state) is Standing.PENDING and not reason.startswith(_HELD):
            ahead[partition] = ahead.get(partition, -1) + 1
            yield job_id, ahead[partition]


def _number(job_id: str) -> int:
    digits = job_id.partition("_")[0].partition("+")[0]
    return int(digits) if digits.isdigit() else 0
