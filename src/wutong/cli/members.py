"""`wutong member`: the people of one's organisation, and those invited to it."""

from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.cli.show import Stop
from wutong.sdk import identity
from wutong.sdk.client import Client
from wutong.sdk.identity import RoleName

app = typer.Typer(help="People of your organisation.", no_args_is_help=True)


@app.command("ls")
def list_members(as_json: Json = False) -> None:
    """List people and their roles."""
    with client() as centre:
        found = list(identity.list_members(centre))
    rows = [(m.person_id, m.name, m.email, m.role) for m in found]
    show.listing(found, ("ID", "NAME", "E-MAIL", "ROLE"), rows, empty="Nobody.", as_json=as_json)


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="Whom.")],
    role: Annotated[str, typer.Option(help="owner, admin, finance, member or viewer.")] = "member",
    as_json: Json = False,
) -> None:
    """Invite somebody. The secret shown lets them in; pass it on safely."""
    with client() as centre:
        wanted = checked(identity.NewInvitation, {"email": email, "role": role})
        made = identity.invite(centre, wanted.email, wanted.role)
    until = show.cell(made.invitation.expires_at)
    show.outcome(made, f"{made.secret}\n[dim]Valid until {until}. `wutong join` with it lets them in.[/dim]", as_json=as_json)


@app.command("invitations")
def list_invitations(as_json: Json = False) -> None:
    """List invitations that were neither accepted nor withdrawn. Their secrets are not shown again."""
    with client() as centre:
        found = list(identity.list_invitations(centre))
    rows = [(i.id, i.email, i.role, i.created_at, i.expires_at) for i in found]
    show.listing(found, ("ID", "E-MAIL", "ROLE", "?INVITED", "VALID UNTIL"), rows, empty="No invitations are open.", as_json=as_json)


@app.command()
def uninvite(invitation: Annotated[str, typer.Argument(help="Id of the invitation, or the e-mail address invited.")], yes: Yes = False) -> None:
    """Withdraw an invitation; its secret lets nobody in any more."""
    show.confirm(f"Withdraw the invitation {invitation}?", yes=yes)
    with client() as centre:
        identity.withdraw_invitation(centre, invitation_id(centre, invitation))
    show.out.print(f"The invitation {show.cell(invitation)} is withdrawn.")


@app.command("role")
def change_role(
    person: Annotated[str, typer.Argument(help="Id or e-mail address of the member.")],
    role: Annotated[RoleName, typer.Argument(help="What the member becomes.")],
    as_json: Json = False,
) -> None:
    """Give a member another role. Only owners make and unmake owners."""
    with client() as centre:
        changed = identity.change_role(centre, member_id(centre, person), role)
    show.outcome(changed, f"{show.cell(changed.name)} is {changed.role} now.", as_json=as_json)


@app.command("remove")
def remove_member(person: Annotated[str, typer.Argument(help="Id or e-mail address of the member.")], yes: Yes = False) -> None:
    """Take a member out of your organisation, or leave it yourself."""
    show.confirm(f"Take {person} out of your organisation?", yes=yes)
    with client() as centre:
        identity.remove_member(centre, member_id(centre, person))
    show.out.print(f"{show.cell(person)} is no member any more.")


def member_id(centre: Client, person: str) -> str:
    """Return the id of a member named by id or e-mail address."""
    if "@" not in person:
        return person
    found = next((m.person_id for m in identity.list_members(centre) if m.email.lower() == person.strip().lower()), None)
    if found is None:
        raise Stop(f"There is no member with the address {person}. `wutong member ls` lists them.")
    return found


def invitation_id(centre: Client, invitation: str) -> str:
    """Return the id of an open invitation named by id or e-mail address."""
    if "@" not in invitation:
        return invitation
    found = next((i.id for i in identity.list_invitations(centre) if i.email.lower() == invitation.strip().lower()), None)
    if found is None:
        raise Stop(f"No invitation to {invitation} is open. `wutong member invitations` lists those that are.")
    return found
