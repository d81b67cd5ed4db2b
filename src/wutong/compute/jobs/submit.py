"""Accepts jobs: one transaction writes the job, the hold on its money and the wish to start it, or refuses with what would work.

The order of statements matters: the idempotency key first (a repeat waits there for the first), the tenant's balance last (it is the row that
many submissions of one tenant share).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Flavour
from wutong.compute.billing import service as billing
from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import Environment
from wutong.compute.jobs import moves, requests, secrets, store, submit_store
from wutong.compute.jobs.launch import is_prepared, run_spec
from wutong.compute.jobs.requests import ArraySpec, DataMount, JobRequest
from wutong.compute.jobs.rules import ENDED, Input, Job, JobLimits, JobState, KeyReused, NoSuchInput, TooManyJobs, WaitReason, run_name
from wutong.hub import service as hub
from wutong.hub.rules import NoSuchVersion, RepoKind
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock, ids
from wutong.kit.errors import Invalid, NotFound, Problem

MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What was found for a request: all of it exists and is the tenant's to use."""

    tenant_id: str
    person_id: str
    request: JobRequest
    flavour: Flavour
    environment: Environment
    inputs: tuple[Input, ...]
    array: ArraySpec | None
    unmet: bool
    at: datetime


def submit_job(session: Session, who: Principal, request: JobRequest, *, limits: JobLimits, idempotency_key: str | None = None) -> Job:
    """Accept a job, or an array of jobs (its parent is returned).

    The same key of the same tenant with the same request returns the first job, also while that is still being accepted; with another
    request it raises `KeyReused`. Raises `Invalid`, `Impossible`, `NoSuchFlavour`, `NoSuchEnvironment`, `NoSuchInput`, `NoSuchSecret`,
    `NotIsolated`, `CannotAfford`, `TooManyJobs`, each with what would work.
    """
    tenant_id = require_tenant(who, Permission.JOB_SUBMIT)
    requests.check(request)
    job_id = ids.new_id("job")
    if idempotency_key is not None:
        earlier = _claim(session, tenant_id, idempotency_key, job_id, request)
        if earlier is not None:
            return earlier
    accepted = _find_all(session, who, tenant_id, request)
    prepared = not accepted.unmet and is_prepared(session, accepted.inputs, accepted.environment, accepted.flavour.engine, limits)
    if accepted.array is None:
        job = _accept_one(session, who, job_id, accepted, limits, prepared=prepared)
    else:
        job = _accept_array(session, who, job_id, accepted, accepted.array, limits)
    if job.state is JobState.WAITING and not accepted.unmet:
        moves.wake(session)
    return job


def problems_of(session: Session, who: Principal, request: JobRequest) -> list[Problem]:
    """Return why a request would be refused, as far as one fault does not hide another; money and machines are for the estimate to tell of."""
    tenant_id = require_tenant(who, Permission.JOB_READ)
    looks: tuple[Callable[[], object], ...] = (
        lambda: requests.check(request),
        lambda: environments.environment_for_job(session, tenant_id, request.environment),
        lambda: _check_secrets(session, tenant_id, request),
        lambda: _find_inputs(session, who, request),
        lambda: _check_after(session, tenant_id, request.after),
    )
    found = []
    for look in looks:
        try:
            look()
        except Problem as problem:
            found.append(problem)
    return found


def _claim(session: Session, tenant_id: str, key: str, job_id: str, request: JobRequest) -> Job | None:
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid(field="Idempotency-Key", reason=f"Use a key of 1 to {MAX_KEY} visible characters, such as a UUID.")
    digest = requests.digest(request)
    earlier = submit_store.claim_key(session, tenant_id, key, job_id=job_id, digest=digest, at=clock.now())
    if earlier is None:
        return None
    if earlier[1] != digest:
        raise KeyReused(key=key, job_id=earlier[0])
    return store.find_job(session, earlier[0], tenant_id=tenant_id)


def _find_all(session: Session, who: Principal, tenant_id: str, request: JobRequest) -> _Accepted:
    flavour = centre.check_possible(session, flavour=request.flavour, nodes=request.nodes, time_limit_s=request.time_limit_s)
    environment = environments.environment_for_job(session, tenant_id, request.environment)
    _check_secrets(session, tenant_id, request)
    inputs = tuple(_find_inputs(session, who, request))
    unmet = _check_after(session, tenant_id, request.after)
    array = requests.parse_array(request.array)
    return _Accepted(tenant_id, who.person_id, request, flavour, environment, inputs, array, unmet, clock.now())


def _check_secrets(session: Session, tenant_id: str, request: JobRequest) -> None:
    if request.secrets:
        secrets.check_known(session, tenant_id, request.secrets)


def _find_inputs(session: Session, who: Principal, request: JobRequest) -> list[Input]:
    wanted: list[tuple[str, RepoKind, DataMount]] = [("datasets", RepoKind.DATASET, mount) for mount in request.datasets]
    wanted += [("models", RepoKind.MODEL, mount) for mount in request.models]
    if request.code is not None:
        wanted.append(("code", RepoKind.CODE, DataMount(request.code, "code")))
    found = []
    for field, kind, mount in wanted:
        try:
            version = hub.resolve(session, who, kind, mount.ref)
        except (NoSuchVersion, Invalid):
            raise NoSuchInput(field=field, kind=kind.value, ref=mount.ref) from None
        found.append(Input(kind.value, f"{mount.ref.partition('@')[0]}@{version.number}", version.id, version.digest, requests.mount_name(mount)))
    return found


def _check_after(session: Session, tenant_id: str, after: Sequence[str]) -> bool:
    """Tell whether something is still to be waited for; what is waited for cannot end before this job is accepted."""
    if not after:
        return False
    found = submit_store.share_states(session, tenant_id, after)
    for job_id in after:
        if job_id not in found:
            raise NotFound(kind="job", id=job_id)
        state = found[job_id]
        if state in ENDED and state is not JobState.SUCCEEDED:
            sentence = f"Job {job_id} ended as {state}, so this one could never run. Name jobs that can still succeed."
            raise Invalid(field="after", reason=sentence)
    return any(state not in ENDED for state in found.values())


def _new_job(job_id: str, accepted: _Accepted, *, wait_reason: WaitReason | None) -> Job:
    request, flavour = accepted.request, accepted.flavour
    return Job(
        id=job_id,
        tenant_id=accepted.tenant_id,
        person_id=accepted.person_id,
        name=request.name,
        state=JobState.WAITING if wait_reason else JobState.QUEUED,
        wait_reason=wait_reason,
        reason=None,
        detail="",
        request=request,
        flavour=flavour.name,
        pool=flavour.pool,
        cards=flavour.cards * request.nodes,
        environment_id=accepted.environment.id,
        inputs=accepted.inputs,
        attempt=0 if wait_reason else 1,
        tries_used=0,
        free_used=0,
        setbacks=0,
        next_at=accepted.at,
        parent_id=None,
        array_index=None,
        array_size=None,
        array_limit=None,
        outcome=None,
        stop_why=None,
        stop_asked_at=None,
        resume_from=None,
        output_repo_id=None,
        output_version_id=None,
        metrics={},
        labels=request.labels,
        created_at=accepted.at,
        started_at=None,
        ended_at=None,
    )


def _accept_one(session: Session, who: Principal, job_id: str, accepted: _Accepted, limits: JobLimits, *, prepared: bool) -> Job:
    wait_reason = WaitReason.DEPENDENCIES if accepted.unmet else None if prepared else WaitReason.PREPARING
    job = _new_job(job_id, accepted, wait_reason=wait_reason)
    name = run_name(limits.centre, job.id, 1) if prepared else None
    _write(session, who, [job], accepted, limits, name)
    if name is not None:
        spec = run_spec(session, job, name, 1, accepted.flavour, accepted.environment.path, limits)
        centre.request_run(session, spec, pool=accepted.flavour.pool)
    _hold(session, [job], accepted.flavour, limits, name)
    return job


def _accept_array(session: Session, who: Principal, job_id: str, accepted: _Accepted, array: ArraySpec, limits: JobLimits) -> Job:
    """Accept the parent and a child for each index; those that may be under way at once go to the preparer, the others wait for them."""
    first = WaitReason.DEPENDENCIES if accepted.unmet else WaitReason.PREPARING
    later = WaitReason.DEPENDENCIES if accepted.unmet else WaitReason.ARRAY_LIMIT
    plain = _new_job(job_id, accepted, wait_reason=first)
    parent = replace(plain, wait_reason=WaitReason.DEPENDENCIES if accepted.unmet else None, array_size=len(array.indices), array_limit=array.at_once)
    children = [
        replace(plain, id=ids.new_id("job"), parent_id=job_id, array_index=index, wait_reason=first if number < array.at_once else later)
        for number, index in enumerate(array.indices)
    ]
    _write(session, who, [parent, *children], accepted, limits)
    _hold(session, children, accepted.flavour, limits)
    return parent


def _write(session: Session, who: Principal, jobs: Sequence[Job], accepted: _Accepted, limits: JobLimits, name: str | None = None) -> None:
    after = accepted.request.after if accepted.unmet else ()
    open_before = submit_store.add_jobs(session, jobs, by=who.name, after=after, run_name=name)
    if open_before + len(jobs) > limits.open_jobs:
        raise TooManyJobs(open=open_before, limit=limits.open_jobs)
    for item in accepted.inputs:
        hub.pin(session, item.version_id, jobs[0].id)
    about = {"name": jobs[0].name, "flavour": jobs[0].flavour, "jobs": len(jobs)}
    identity.audit(session, who, "job.submit", kind="job", id=jobs[0].id, tenant_id=accepted.tenant_id, after=about)


def _hold(session: Session, jobs: Sequence[Job], flavour: Flavour, limits: JobLimits, name: str | None = None) -> None:
    """Hold the money of jobs that differ only in their index: last, because the balance is the row that others wait for."""
    first = jobs[0]
    checkpoint = first.request.checkpoint
    billing.hold_for_jobs(
        session,
        [job.id for job in jobs],
        tenant_id=first.tenant_id,
        person_id=first.person_id,
        job_name=first.name,
        flavour=flavour,
        cards=first.cards,
        time_limit_s=first.request.time_limit_s,
        checkpoint_signal=None if checkpoint is None else checkpoint.signal,
        at=first.created_at,
        hold_s=limits.hold_s,
        run_name=name,
    )
