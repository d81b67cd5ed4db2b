"""`wutong job`: submit, watch, follow, cancel."""

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from wutong.cli import jobfile, push, show
from wutong.cli.common import Json, Yes, client
from wutong.cli.forecast import start_in_words, wait_in_words
from wutong.cli.show import Stop, card_hours, duration, yuan
from wutong.sdk import jobs
from wutong.sdk.client import Client
from wutong.sdk.jobs import ENDED, Estimate, Job, JobRequest, JobState, LaunchName

app = typer.Typer(help="Submit jobs and see where they stand.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="Id of the job.", show_default=False)]


@app.command()
def submit(  # noqa: PLR0917 typer makes options of parameters
    file: Annotated[Path | None, typer.Argument(help="Job file, YAML or TOML. Options go before what it says.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="What people call the job.")] = None,
    command: Annotated[str | None, typer.Option(help="Shell line to run.")] = None,
    code: Annotated[str | None, typer.Option(help="Folder to push as a code version, or the name of one: `trainer@2`.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e", help="Named environment.")] = None,
    data: Annotated[list[str] | None, typer.Option(help="Data set to show to the job: `digits`, `digits@3`, or `name=digits@3`. Repeatable.")] = None,
    flavour: Annotated[str | None, typer.Option("--flavor", "--flavour", "-f", help="Machine size.")] = None,
    nodes: Annotated[int | None, typer.Option(help="How many machines of that size.")] = None,
    processes: Annotated[int | None, typer.Option(help="Processes of a training on each machine.")] = None,
    launch: Annotated[LaunchName | None, typer.Option(help="Start the command once, on each node, or `processes` times on each.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Signal on which the command saves its state: `SIGUSR1`, or with 120 s for it `SIGUSR1:120`.")
    ] = None,
    time_limit: Annotated[int | None, typer.Option(help="Seconds after which it is stopped.")] = None,
    tries: Annotated[int | None, typer.Option(help="How often a failing command is tried.")] = None,
    model: Annotated[str | None, typer.Option(help="Model whose new version the outputs become.")] = None,
    variable: Annotated[list[str] | None, typer.Option("--env", help="NAME=value for the job's environment. Repeatable.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="Stored secret to hand over. Repeatable.")] = None,
    array: Annotated[str | None, typer.Option(help="Indices to run once each: `0-9`, four at once: `0-9%4`.")] = None,
    after: Annotated[list[str] | None, typer.Option(help="Job that must succeed first. Repeatable.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key never makes a second job.")] = None,
    watch_it: Annotated[bool, typer.Option("--watch", "-w", help="Follow the log until the job ends; the exit status is the job's.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Submit a job, from a file, from options, or both. Shows the estimate and asks before it holds money."""
    given: dict[str, Any] = {"name": name, "command": command, "environment": environment, "flavour": flavour, "tries": tries}
    given |= {"time_limit_s": time_limit, "array": array, "after": after, "secrets": secret}
    given |= {"nodes": nodes, "processes": processes, "launch": launch, "checkpoint": checkpoint and jobfile.checkpoint(checkpoint)}
    fields = jobfile.gather(file, given, data=data or [], variables=variable or [], model=model)
    with client() as centre:
        folder = code or fields.get("code")
        if folder:
            fields["code"] = push.code_reference(centre, folder, base=file.parent if file and not code else Path())
        request = jobfile.parse(fields)
        if not yes:
            ask(centre, request)
        job = jobs.submit(centre, request, key=key or str(uuid.uuid4()))
        show.outcome(job, f"{job.id}  {show.cell(job.name)}  {job.state}", as_json=as_json)
        if watch_it:
            raise typer.Exit(follow_to_end(centre, job.id))


def ask(centre: Client, request: JobRequest) -> None:
    """Show what the job may cost, and ask."""
    cost = jobs.estimate(centre, request)
    show.err.print(in_words(cost))
    if cost.problems:
        raise Stop(f"{' '.join(cost.problems)} Nothing was submitted.")
    show.confirm(f"Submit, and hold {yuan(cost.hold_fen)}?", yes=False)


def in_words(cost: Estimate) -> str:
    """Say what a job may cost."""
    price = f"{yuan(cost.fen_per_card_hour)} a card-hour"
    most = f"At most {card_hours(cost.card_seconds)} at {price}: {yuan(cost.amount_fen)}"
    paid = f", {card_hours(cost.package_seconds)} from packages" if cost.package_seconds else ""
    paid += f", {yuan(cost.credit_fen)} from credits" if cost.credit_fen else ""
    usual = f" Jobs like it cost you {yuan(cost.typical_fen)} of late." if cost.typical_fen is not None else ""
    wait = "" if cost.expected_wait_s is None else f" Submitted now, it {wait_in_words(cost.expected_wait_s, cost.expected_wait_bound_s)}."
    return " ".join([f"{most}{paid}.{usual}{wait}", *map(show.cell, cost.notices)])


@app.command()
def schema() -> None:
    """Print the JSON schema of a job file."""
    show.print_json(JobRequest.model_json_schema())


@app.command("ls")
def list_(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs with this in their name.")] = None,
    array: Annotated[str | None, typer.Option(help="The jobs of this array, instead of the array as one.")] = None,
    most: Annotated[int, typer.Option("--limit", "-n", help="How many at most, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """List jobs, newest first; an array is one line, and `--array` lists its jobs."""
    with client() as centre:
        found = list(jobs.list_jobs(centre, state=state, name=name, parent_id=array, most=most))
    rows = [(j.id, j.name, j.state, why(j), j.flavour, ran(j), yuan(j.charged_fen), j.created_at) for j in found]
    columns = ("ID", "NAME", "STATE", "?WHY", "?FLAVOUR", ">TIME", ">COST", "?SUBMITTED")
    show.listing(found, columns, rows, empty="No jobs yet. `wutong job submit` starts one.", as_json=as_json)


def why(job: Job) -> str:
    """Write why a job is where it is, of one in the queue when it starts; nothing where all went well."""
    return "" if job.state == JobState.SUCCEEDED else job.reason or start_in_words(job) or ""


def ran(job: Job) -> str:
    """Write how long a job has run, or ran."""
    if job.started_at is None:
        return "-"
    end = job.ended_at.timestamp() if job.ended_at else time.time()
    return duration(end - job.started_at.timestamp())


@app.command("show")
def show_(job_id: JobId, as_json: Json = False) -> None:
    """Show one job: state, cause, attempts, cost, outputs."""
    with client() as centre:
        job, attempts = jobs.get(centre, job_id), jobs.list_attempts(centre, job_id)
    if as_json:
        show.print_json({**job.model_dump(mode="json"), "attempts": [a.model_dump(mode="json") for a in attempts]})
        return
    show.facts(
        [
            ("id", job.id),
            ("name", job.name),
            ("state", job.state),
            ("why", job.reason),
            ("detail", job.detail),
            ("position", job.position),
            ("waits for", job.waiting_for),
            ("forecast", start_in_words(job)),
            ("flavour", f"{job.flavour} x {job.nodes}" if job.nodes > 1 else job.flavour),
            ("ranks", f"0 to {job.ranks - 1}, each with a log of its own (`--rank`)" if job.ranks > 1 else None),
            ("environment", job.environment),
            ("command", job.command if isinstance(job.command, str) else json.dumps(job.command)),
            ("submitted", job.created_at),
            ("started", job.started_at),
            ("ended", job.ended_at),
            ("exit code", job.exit_code),
            ("cost" if job.settled else "cost so far", yuan(job.charged_fen)),
            ("outputs", job.outputs_version),
            ("metrics", json.dumps(job.metrics) if job.metrics else None),
        ]
    )
    rows = [(a.number, a.restart + 1, a.reason or "under way", a.exit_code, a.started_at, a.ended_at, a.detail) for a in attempts]
    show.out.print()
    show.table(("ATTEMPT", "?>STARTS", "ENDED AS", ">EXIT", "?STARTED", "ENDED", "DETAIL"), rows, empty="It was not tried.")


@app.command()
def watch(job_id: JobId) -> None:
    """Follow the log until the job ends. The exit status is 0 when it succeeded, the command's own when it failed with one, else 1."""
    with client() as centre:
        raise typer.Exit(follow_to_end(centre, job_id))


@app.command()
def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    attempt: Annotated[int | None, typer.Option(help="Which try; the latest by default.")] = None,
    rank: Annotated[int, typer.Option(help="Which rank of a training; `wutong job show` says how many there are.")] = 0,
    start: Annotated[
        int | None, typer.Option(help="Which start of the try, from 1, where the cluster took it back; the latest by default.", min=1)
    ] = None,
) -> None:
    """Print the log, as bytes, untouched. A log that is followed goes on with the next start when the cluster takes the job back."""
    if follow and start is not None:
        raise Stop("--follow begins with the latest start; leave out --start.")
    with client() as centre:
        if follow:
            pieces = jobs.follow_log(centre, job_id, attempt=attempt, rank=rank, on_start=say_start)
        else:
            pieces = jobs.read_log(centre, job_id, attempt=attempt, rank=rank, restart=None if start is None else start - 1)
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


def say_start(number: int) -> None:
    """Say that the cluster took the job back and began it again."""
    show.err.print(f"start {number}:")


@app.command()
def cancel(job_id: JobId, yes: Yes = False, as_json: Json = False) -> None:
    """Cancel a job. A running one gets its checkpoint signal and some grace first."""
    show.confirm(f"Cancel {job_id}?", yes=yes)
    with client() as centre:
        job = jobs.cancel(centre, job_id)
    show.outcome(job, f"{job.id}  {job.state}  {job.reason or ''}", as_json=as_json)


@app.command()
def events(job_id: JobId, as_json: Json = False) -> None:
    """Show all that happened to a job."""
    with client() as centre:
        found = list(jobs.list_events(centre, job_id))
    rows = [(e.at, e.what, e.state, e.attempt or "", e.by, e.detail) for e in found]
    show.listing(found, ("WHEN", "WHAT", "STATE", ">ATTEMPT", "?BY", "DETAIL"), rows, empty="Nothing happened yet.", as_json=as_json)


def follow_to_end(centre: Client, job_id: str) -> int:
    """Print what the job says until it ended, then how it ended; return 0, the command's own status, or 1."""
    try:
        job = follow_job(centre, job_id)
    except KeyboardInterrupt:
        raise Stop(f"The job goes on. `wutong job watch {job_id}` follows it again, `wutong job cancel {job_id}` ends it.", 130) from None
    show.err.print(show.cell(ending(job)))
    return 0 if job.state == JobState.SUCCEEDED else (job.exit_code or 1)


def follow_job(centre: Client, job_id: str) -> Job:
    """Print the log of one attempt after the other, and in between what the job waits for; an array has no log. Return the job as it ended."""
    said, followed = None, 0
    while True:
        job = jobs.get(centre, job_id)
        for number in range(followed + 1, begun(job) + 1):
            if number > 1:
                show.err.print(f"attempt {number}:")
            for piece in jobs.follow_log(centre, job_id, attempt=number, on_start=say_start):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            followed = number
        if job.state in ENDED:
            return job
        now = job.state, job.position, job.waiting_for, job.detail, job.expected_start
        if now != said and job.state != JobState.RUNNING:
            said = now
            show.err.print(show.cell(standing(job)))
        time.sleep(0.3)


def begun(job: Job) -> int:
    """Return how many attempts have a log to follow; that of a queued one is still to come."""
    return 0 if job.array_size is not None else job.attempt - (job.state == JobState.QUEUED)


def standing(job: Job) -> str:
    """Say where a job stands that has not ended."""
    if job.array_size is not None:
        return f"{job.state}: {show.count(job.array_size, 'job')}, which `wutong job ls --array {job.id}` lists"
    place = f", place {job.position}" if job.position else ""
    waits = f"{job.state}{place}: {job.waiting_for or job.detail or job.reason or 'it goes on in a moment'}"
    start = start_in_words(job)
    return waits if start is None else f"{waits.removesuffix('.')}. It {start}."


def ending(job: Job) -> str:
    """Say how a job ended."""
    lasted = f" after {ran(job)}" if job.started_at else ""
    why = job.detail or ("" if job.state == JobState.SUCCEEDED else f"The cause is {job.reason}.")
    return f"{job.state}{lasted}, {yuan(job.charged_fen)} so far. {why}".strip()


@app.command("estimate")
def estimate_(file: Annotated[Path, typer.Argument(help="Job file, YAML or TOML.")], as_json: Json = False) -> None:
    """Say what a job would cost if it ran to its time limit, and who would pay."""
    with client() as centre:
        cost = jobs.estimate(centre, jobfile.parse({**jobfile.read_file(file), "code": None}))
    if as_json:
        show.print_json(cost)
        return
    show.out.print(in_words(cost))
    show.facts([("held at the start", yuan(cost.hold_fen)), ("from cash", yuan(cost.cash_fen)), ("problems", " ".join(cost.problems))])
