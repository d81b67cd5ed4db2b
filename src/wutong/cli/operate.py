"""`wutong admin pool`, `node`, `flavour`, `tenant`, `quota`, `role`: what operators change of the centre and of who may use it."""

from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.storage import size_bytes
from wutong.sdk import admin, tenants
from wutong.sdk.admin import NodeStateName, PoolStateName
from wutong.sdk.tenants import CentreRoleName

flavours = typer.Typer(help="Whether machine sizes are offered.", no_args_is_help=True)
organisations = typer.Typer(help="Suspend tenants, and let them work again.", no_args_is_help=True)
roles = typer.Typer(help="Who does what for the centre.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")]
FlavourName = Annotated[str, typer.Argument(help="Flavour.")]
TenantId = Annotated[str, typer.Argument(help="Id of the tenant.")]
RoleOfCentre = Annotated[CentreRoleName, typer.Argument(help="Role of the centre.")]


def add(app: typer.Typer) -> None:
    """Put these commands below `wutong admin`."""
    app.command()(pool)
    app.command()(node)
    app.command()(quota)
    app.add_typer(flavours, name="flavour")
    app.add_typer(organisations, name="tenant")
    app.add_typer(roles, name="role")


def pool(
    name: Annotated[str, typer.Argument(help="Pool; `wutong admin pools` lists them.")],
    state: Annotated[PoolStateName, typer.Argument(help="What it becomes.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Open, drain or close a pool for new jobs. What was accepted before still runs."""
    with client() as centre:
        changed = admin.set_pool_state(centre, name, state, reason)
    show.outcome(changed, f"{show.cell(changed.name)} is {changed.state}.", as_json=as_json)


def node(
    pool: Annotated[str, typer.Argument(help="Pool of the machine.")],
    name: Annotated[str, typer.Argument(help="Name of the machine; `wutong admin nodes` lists them.")],
    state: Annotated[NodeStateName, typer.Argument(help="What it becomes.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Say that a machine is up, draining or down. One that is down does not count as capacity; this machine is drained with its pool."""
    with client() as centre:
        changed = admin.set_node_state(centre, pool, name, state, reason)
    show.outcome(changed, f"{show.cell(changed.name)} is {changed.state}.", as_json=as_json)


def quota(
    tenant: TenantId,
    size: Annotated[str, typer.Argument(help="How much it may keep, such as 200GiB.")],
    as_json: Json = False,
) -> None:
    """Set how much a tenant may keep. One below what is kept deletes nothing, but nothing more can be stored."""
    allowed = size_bytes(size)
    with client() as centre:
        kept = admin.set_quota(centre, tenant, allowed)
    show.outcome(kept, f"{show.cell(tenant)} keeps {show.size(kept.used_bytes)} and may keep {show.size(kept.quota_bytes)}.", as_json=as_json)


@flavours.command()
def enable(name: FlavourName, as_json: Json = False) -> None:
    """Offer a flavour."""
    offer(name, enabled=True, as_json=as_json)


@flavours.command()
def disable(name: FlavourName, as_json: Json = False) -> None:
    """Stop offering a flavour. What was accepted before still runs."""
    offer(name, enabled=False, as_json=as_json)


def offer(name: str, *, enabled: bool, as_json: bool) -> None:
    """Offer a flavour or stop that, and say so."""
    with client() as centre:
        changed = admin.set_flavour_enabled(centre, name, enabled=enabled)
    show.outcome(changed, f"{show.cell(changed.name)} is {'offered' if changed.enabled else 'not offered any more'}.", as_json=as_json)


@organisations.command()
def suspend(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why; the tenant's record shows it.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Suspend a tenant: its people read and change nothing."""
    show.confirm(f"Suspend {tenant}?", yes=yes)
    with client() as centre:
        changed = tenants.set_tenant_state(centre, tenant, "suspended", reason)
    stands(changed, as_json=as_json)


@organisations.command()
def restore(tenant: TenantId, reason: Reason = "", as_json: Json = False) -> None:
    """Let a suspended tenant work again."""
    with client() as centre:
        changed = tenants.set_tenant_state(centre, tenant, "active", reason)
    stands(changed, as_json=as_json)


def stands(tenant: tenants.Tenant, *, as_json: bool) -> None:
    """Say where a tenant stands."""
    show.outcome(tenant, f"{show.cell(tenant.name)} is {tenant.state}.", as_json=as_json)


@roles.command()
def grant(email: Annotated[str, typer.Argument(help="E-mail address of the person.")], role: RoleOfCentre) -> None:
    """Give a person a role of the centre. Nobody gives one to themselves."""
    with client() as centre:
        tenants.grant_centre_role(centre, email, role)
    show.out.print(f"{show.cell(email)} has the role {role}.")


@roles.command()
def revoke(person: Annotated[str, typer.Argument(help="Id or e-mail address of the person.")], role: RoleOfCentre, yes: Yes = False) -> None:
    """Take a role of the centre from a person."""
    show.confirm(f"Take the role {role} from {person}?", yes=yes)
    with client() as centre:
        tenants.revoke_centre_role(centre, person, role)
    show.out.print(f"{show.cell(person)} has the role {role} no more.")
