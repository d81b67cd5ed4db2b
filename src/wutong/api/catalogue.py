"""What there is to run on and in: flavours with their prices, environments, secrets."""

from typing import Annotated

from fastapi import Path

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.centre import service as centre
from wutong.centre.rules import Flavour, Wait
from wutong.compute.catalogue import service as prices
from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import Environment
from wutong.compute.jobs import service as jobs
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.sdk import catalogue as wire
from wutong.sdk.wire import Listed

router = Router(tag="catalogue")

SecretName = Annotated[str, Path(max_length=100)]


@router.get("/flavours")
def list_flavours(tx: Tx, who: Annotated[Principal, needs()]) -> Listed[wire.Flavour]:  # noqa: ARG001 - signed in is enough
    """List machine sizes, what a card-hour of each costs now, and how long a small job would wait for it."""
    now = {price.flavour: price.fen_per_card_hour for price in prices.list_prices(tx)}
    flavours = centre.list_flavours(tx)
    waits = centre.expected_waits(tx, flavours)
    return Listed[wire.Flavour](items=[_flavour(flavour, now.get(flavour.name), waits.get(flavour.name)) for flavour in flavours])


@router.get("/environments")
def list_environments(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_READ)]) -> Listed[wire.Environment]:
    """List the environments the organisation can use, in their newest versions."""
    return Listed[wire.Environment](items=[_told(found) for found in environments.list_environments(tx, who)])


@router.get("/environments/{name}")
def get_environment(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_READ)], name: str) -> wire.Environment:
    """Read one environment by name."""
    return _told(environments.get_environment(tx, who, name))


@router.post("/environments", status_code=201)
def register_environment(tx: Tx, who: Annotated[Principal, needs(Permission.DATA_WRITE)], body: wire.EnvironmentRequest) -> wire.Environment:
    """Register an environment of the organisation's own from a lock in which every requirement is pinned and hashed; it is built at once."""
    return _told(environments.register_environment(tx, who, name=body.name, lock=body.lock, description=body.description))


@router.post("/environments/{name}/build")
def build_environment(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_SUBMIT)], name: str) -> wire.Environment:
    """Have an environment built now, rather than when a job first needs it."""
    return _told(environments.build_environment(tx, who, name))


@router.get("/secrets", response_model=Listed[wire.Secret])
def list_secrets(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_READ)]) -> Page[object]:
    """List the names of stored secrets; values are never told."""
    return Page(list(jobs.list_secrets(tx, who)))


@router.put("/secrets/{name}", response_model=wire.Secret)
async def put_secret(asking: Asking, name: SecretName, body: wire.SecretRequest) -> object:
    """Store a secret, in place of an earlier value; jobs that name it get it as an environment variable."""
    key_file = asking.context.settings.key_file
    return await asking.ask(lambda tx, who: jobs.put_secret(tx, who, key_file, name=name, value=body.value), Permission.JOB_SUBMIT)


@router.delete("/secrets/{name}", status_code=204)
def delete_secret(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_SUBMIT)], name: SecretName) -> None:
    """Delete a secret; attempts that were requested already keep theirs."""
    jobs.delete_secret(tx, who, name)


def _flavour(flavour: Flavour, fen_per_card_hour: int | None, wait: Wait | None) -> wire.Flavour:
    told = {"fen_per_card_hour": fen_per_card_hour, "expected_wait_s": wait and wait.wait_s, "expected_wait_bound_s": wait and wait.bound_s}
    return wire.Flavour.model_validate(flavour).model_copy(update=told)


def _told(found: Environment) -> wire.Environment:
    return wire.Environment(
        name=found.name,
        digest=found.digest,
        state=found.state.value,
        python=found.python,
        description=found.description,
        size_bytes=found.size_bytes or None,
        registered_at=found.registered_at,
        built_at=found.built_at,
        detail=found.log_tail[-2000:] or None,
        shared=found.tenant_id == "",
    )
