"""Jobs between the wire and the room: the request of a job as clients and job files write it, and as the jobs room takes it."""

from dataclasses import fields

from wutong.centre.rules import Launch
from wutong.compute.jobs.requests import Checkpoint, DataMount, JobRequest, OnRankFailure, OutputSpec, Priority, to_json
from wutong.sdk import jobs as wire

_SAME = ("name", "code", "environment", "flavour", "nodes", "processes", "rank_restarts", "time_limit_s", "tries", "env", "array", "labels")


def request_of(body: wire.JobRequest) -> JobRequest:
    """Translate the wire's request into the jobs room's."""
    same = {name: getattr(body, name) for name in _SAME}
    return JobRequest(
        **same,
        command=body.command if isinstance(body.command, str) else tuple(body.command),
        datasets=tuple(DataMount(mount.ref, mount.path) for mount in body.datasets),
        models=tuple(DataMount(mount.ref, mount.path) for mount in body.models),
        launch=Launch(body.launch),
        on_rank_failure=OnRankFailure(body.on_rank_failure),
        priority=Priority(body.priority),
        checkpoint=Checkpoint(body.checkpoint.signal, body.checkpoint.grace_s) if body.checkpoint else None,
        secrets=tuple(body.secrets),
        after=tuple(body.after),
        outputs=OutputSpec(body.outputs.model, body.outputs.folder, body.outputs.keep_on_failure),
    )


def body_of(request: JobRequest) -> wire.JobRequest:
    """Translate a request back, as one would write it again."""
    plain = to_json(request)
    known = {field.name for field in fields(JobRequest)}
    return wire.JobRequest.model_validate({name: value for name, value in plain.items() if name in known})
