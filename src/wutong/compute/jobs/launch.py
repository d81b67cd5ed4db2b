"""Turns a job that is ready into a run: what the engine is told, the row of the attempt, and the wish to the centre, in the caller's transaction."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Flavour, Mount, RunSpec
from wutong.compute.billing import service as billing
from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import Environment, EnvironmentState
from wutong.compute.jobs import moves, requests, secrets, store
from wutong.compute.jobs.rules import Input, Job, JobLimits, JobState, run_name
from wutong.compute.jobs.trees import is_confined, tree_of
from wutong.identity import service as identity
from wutong.kit import clock, seal

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def is_prepared(session: Session, inputs: tuple[Input, ...], environment: Environment, engine: str, limits: JobLimits) -> bool:
    """Tell whether nothing has to be fetched or built before a job can run."""
    if environment.state is not EnvironmentState.READY or not Path(environment.path).is_dir():
        return False
    if not inputs:
        return True
    confined = is_confined(session, engine)
    return all(tree_of(limits, item, confined=confined).is_dir() for item in inputs)


def launch(session: Session, job: Job, limits: JobLimits, *, by: str = "system") -> Job:
    """Request the job's next attempt and move the job to queued; everything it needs must be there."""
    number = job.attempt + 1
    folder = None if job.environment_id is None else environments.environment_by_id(session, job.environment_id).path
    name = request_attempt(session, job, number, centre.get_flavour(session, job.flavour), folder, limits)
    billing.register_run(session, run_name=name, job_id=job.id, attempt=number)
    return moves.move(session, job, JobState.QUEUED, what="queued", by=by, attempt=number, setbacks=0)


def request_attempt(session: Session, job: Job, number: int, flavour: Flavour, folder: str | None, limits: JobLimits) -> str:
    """Write the attempt and ask the centre to run it; the caller tells billing whom to charge for the run whose name is returned."""
    name = run_name(limits.centre, job.id, number)
    store.add_attempts(session, [{"run_name": name, "job_id": job.id, "number": number, "requested_at": clock.now()}])
    centre.request_run(session, run_spec(session, job, name, number, flavour, folder, limits), pool=flavour.pool)
    return name


def run_spec(session: Session, job: Job, name: str, number: int, flavour: Flavour, folder: str | None, limits: JobLimits) -> RunSpec:
    """Say all an engine needs to know of an attempt; `folder` is its environment's. Secrets leave this room sealed."""
    request = job.request
    confined = bool(job.inputs) and is_confined(session, flavour.engine)
    code, shown = _split(job.inputs)
    places = {item: tree_of(limits, item, confined=confined) for item in shown}
    inside = {item: Path("/") / _FOLDERS[item.kind] / item.name if confined else place for item, place in places.items()}
    mounts = [Mount(str(place), str(inside[item])) for item, place in places.items()]
    environment = _variables(job, number)
    if folder is not None:
        mounts.append(Mount(folder, folder))
        environment |= {"PATH": f"{folder}/bin:{SYSTEM_PATH}", "VIRTUAL_ENV": folder}
    environment |= {f"WUTONG_{_PREFIXES[item.kind]}_{requests.variable_of(item.name)}": str(place) for item, place in inside.items()}
    checkpoint = request.checkpoint or requests.Checkpoint(grace_s=10)
    return RunSpec(
        name=name,
        tenant=job.tenant_id,
        argv=requests.argv(request.command),
        environment={**environment, **request.env},
        sealed_environment=_sealed(session, job, name, limits),
        mounts=tuple(mounts),
        code_source=None if code is None else str(tree_of(limits, code, confined=confined)),
        nodes=request.nodes,
        slots=flavour.cards,
        cpus=flavour.cpus,
        memory_mb=flavour.memory_mb,
        time_limit_s=request.time_limit_s,
        grace_s=checkpoint.grace_s,
        checkpoint_signal=checkpoint.signal,
        priority=requests.PRIORITY_NUMBER[request.priority],
        log_limit_bytes=limits.log_bytes,
        disk_limit_mb=limits.disk_mb,
        resume_from=job.resume_from,
        network=limits.network,
        partition=flavour.partition,
        accelerator=flavour.accelerator,
        service=flavour.service.value,
        processes=request.processes,
        launch=request.launch,
        rank_restarts=request.rank_restarts if request.on_rank_failure is requests.OnRankFailure.RESTART else 0,
        person=job.person_id,
    )


_FOLDERS = {"dataset": "data", "model": "models"}
_PREFIXES = {"dataset": "DATA", "model": "MODEL"}


def _split(inputs: tuple[Input, ...]) -> tuple[Input | None, list[Input]]:
    code = next((item for item in inputs if item.kind == "code"), None)
    return code, [item for item in inputs if item.kind != "code"]


def _variables(job: Job, number: int) -> dict[str, str]:
    variables = {
        "WUTONG_JOB": job.id,
        "WUTONG_JOB_NAME": job.name,
        "WUTONG_ATTEMPT": str(number),
        "PATH": SYSTEM_PATH,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if job.array_index is not None:
        variables |= {"WUTONG_ARRAY_INDEX": str(job.array_index), "WUTONG_ARRAY_JOB": job.parent_id or ""}
    return variables


def _sealed(session: Session, job: Job, name: str, limits: JobLimits) -> Mapping[str, str]:
    """Return the tenant's secrets, still sealed, and, where runs can reach the API, a token that is good for this run alone."""
    sealed: dict[str, Any] = {}
    if limits.network:
        until = clock.now() + timedelta(days=limits.token_days, seconds=job.request.time_limit_s)
        token = identity.issue_job_token(limits.key_file, name, job.tenant_id, job.person_id, until)
        sealed["WUTONG_TOKEN"] = seal.seal(limits.key_file, token)
    if job.request.secrets:
        sealed |= secrets.sealed_values(session, job.tenant_id, job.request.secrets)
    return sealed
