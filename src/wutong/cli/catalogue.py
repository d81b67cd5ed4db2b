"""`wutong flavors`, `maintenance` and `env`: what jobs can run on, when not, and in what."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from wutong.cli import show
from wutong.cli.common import Json, client
from wutong.cli.forecast import wait_in_short
from wutong.cli.show import Stop, yuan
from wutong.sdk import catalogue, operations
from wutong.sdk.catalogue import Environment, Flavour

environments = typer.Typer(help="Named sets of libraries that jobs run in.", no_args_is_help=True)


def flavors(as_json: Json = False) -> None:
    """List machine sizes, what a card-hour of each costs now, and how long a job of an hour would wait."""
    with client() as centre:
        found = catalogue.list_flavours(centre)
    rows = [row(flavour) for flavour in found]
    columns = ("FLAVOUR", "?POOL", "ACCELERATOR", ">CARDS", ">CPUS", ">MEMORY", ">PER CARD-HOUR", "?SERVICE", "?WAIT NOW", "?PARTITION", "?")
    show.listing(found, columns, rows, empty="The centre offers no machines yet.", as_json=as_json)


def row(flavour: Flavour) -> tuple[Any, ...]:
    """Write a flavour as a row."""
    size = (flavour.cards, flavour.cpus, show.size(flavour.memory_mb * 2**20))
    wait = wait_in_short(flavour.expected_wait_s, flavour.expected_wait_bound_s)
    return (flavour.name, flavour.pool, flavour.accelerator, *size, price(flavour), flavour.service, wait, flavour.partition, flavour.description)


def maintenance(as_json: Json = False) -> None:
    """List maintenance that is announced or under way: no job starts on those machines that would not end before."""
    with client() as centre:
        found = operations.list_maintenance(centre)
    rows = [(m.pool, "all" if m.whole_pool else "some", m.begins_at, m.ends_at, m.state.replace("_", " "), m.reason) for m in found]
    show.listing(found, ("POOL", "?MACHINES", "FROM", "TO", "STATE", "?REASON"), rows, empty="No maintenance is announced.", as_json=as_json)


def price(flavour: Flavour) -> str:
    """Write what a card-hour costs, `-` for a flavour without a price."""
    return "-" if flavour.fen_per_card_hour is None else yuan(flavour.fen_per_card_hour)


@environments.command("ls")
def list_environments(as_json: Json = False) -> None:
    """List environments."""
    with client() as centre:
        found = list(catalogue.list_environments(centre))
    rows = [(e.name, e.state, e.python or "-", "-" if e.size_bytes is None else show.size(e.size_bytes), e.built_at, why(e)) for e in found]
    show.listing(found, ("NAME", "STATE", "?PYTHON", "?>SIZE", "?BUILT", ""), rows, empty="No environments yet.", as_json=as_json)


def why(environment: Environment) -> str:
    """Say what it is; of one that could not be built, the last thing that the builder said."""
    if environment.state != "failed":
        return environment.description
    return next((line for line in reversed((environment.detail or "").splitlines()) if line.strip()), "")


@environments.command("build")
def build_environment(
    name: Annotated[str, typer.Argument(help="Name.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Have an environment built now, rather than when a job first needs it."""
    with client() as centre:
        found = catalogue.build_environment(centre, name)
        with show.err.status(f"{name} is being built"):
            while wait and found.state not in {"ready", "failed"}:
                time.sleep(0.5)
                found = catalogue.get_environment(centre, name)
    show.outcome(found, f"{show.cell(found.name)}  {found.state}  {show.size(found.size_bytes) if found.size_bytes else ''}", as_json=as_json)
    if found.state == "failed":
        raise Stop(found.detail or f"{name} could not be built. Register it again with another lock.")


@environments.command("add")
def add_environment(
    name: Annotated[str, typer.Argument(help="Name.")],
    lock: Annotated[Path, typer.Argument(help="Requirements lock with hashes, as `uv pip compile --generate-hashes` writes it.")],
    as_json: Json = False,
) -> None:
    """Register an environment of your organisation; it is built when a job first needs it."""
    with client() as centre:
        made = catalogue.register_environment(centre, name, lock.read_text(encoding="utf-8"))
    show.outcome(made, f"{show.cell(made.name)}  {made.state}", as_json=as_json)
