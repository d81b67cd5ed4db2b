"""`wutong register`, `join`, `login`, `logout`, `whoami`, `token`, `secret`: who one is, and what one proves it with."""

import getpass
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from wutong.cli import config, show
from wutong.cli.common import Json, Yes, checked, client
from wutong.cli.config import Config
from wutong.cli.show import Stop
from wutong.sdk import catalogue, identity
from wutong.sdk.client import Client
from wutong.sdk.errors import Invalid

tokens = typer.Typer(help="API tokens for programs.", no_args_is_help=True)
secrets = typer.Typer(help="Secrets that jobs may ask for by name.", no_args_is_help=True)

Url = Annotated[str | None, typer.Option(help="Address of the centre.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def register(
    name: Annotated[str, typer.Option(help="Full name of the organisation.")],
    credit_code: Annotated[str, typer.Option(help="Unified social credit code, 18 characters.")],
    person: Annotated[str, typer.Option(help="Your name.")],
    email: Annotated[str, typer.Option(help="Your e-mail address; you sign in with it.")],
    kind: Annotated[str, typer.Option(help="enterprise, university, institute, government or other.")] = "enterprise",
    url: Url = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Sign up an organisation, with yourself as its owner, and sign in."""
    address = url or config.load().url
    password = read_password(from_stdin=password_stdin)
    with Client(address, None) as centre:
        fields = {"name": name, "credit_code": credit_code, "kind": kind, "person_name": person, "email": email, "password": password}
        made = identity.register(centre, checked(identity.Registration, fields))
        keep_session(centre, address, email, password)
    show.out.print(f"{show.cell(made.tenant.name)} is registered as {made.tenant.id}. You are its owner, and signed in.")


def join(
    secret: Annotated[str, typer.Argument(help="Secret of the invitation; `-` reads it from standard input.")],
    person: Annotated[str | None, typer.Option(help="Your name, if you are new to the centre; you then choose a password and are signed in.")] = None,
    url: Url = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Join an organisation that has invited you."""
    address = url or config.load().url
    given = sys.stdin.readline().strip() if secret == "-" else secret  # noqa: S105 a dash is no secret
    password = read_password(from_stdin=password_stdin) if person else None
    with Client(address, None) as centre:
        try:
            joined = identity.accept_invitation(centre, given, person, password)
        except Invalid as error:
            if person or error.details.get("field") != "password":
                raise
            raise Stop("You are new to this centre: add --person with your name, and choose a password.") from None
        role = f"You are {joined.role} of {show.cell(joined.tenant_name)} ({joined.tenant_id}) now"
        if password is None:
            show.out.print(f"{role}. `wutong login --tenant {joined.tenant_id}` lets you act for it.")
            return
        keep_session(centre, address, joined.email, password, joined.tenant_id)
    show.out.print(f"{role}, and signed in.")


def login(
    email: Annotated[str | None, typer.Option(help="E-mail address to sign in with.")] = None,
    token: Annotated[str | None, typer.Option(help="API token instead; `-` reads it from standard input.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Id of the organisation to act for; the one joined first by default.")] = None,
    url: Url = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Sign in with e-mail and password, or with a token."""
    address = url or config.load().url
    if token:
        if tenant:
            raise Stop("A token acts for the organisation it was made in. Leave --tenant out, or sign in with your e-mail address.")
        secret = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 a dash is no secret
        with Client(address, secret) as centre:
            who = identity.me(centre)
        path = str(config.save(Config(address, secret)))
    else:
        chosen = email or typer.prompt("E-mail")
        with Client(address, None) as centre:
            path = keep_session(centre, address, chosen, read_password(from_stdin=password_stdin), tenant)
        with client() as centre:
            who = identity.me(centre)
    of = organisation(who)
    show.out.print(f"Signed in as {show.cell(who.name)}{' of ' + show.cell(of) if of else ''}. Kept in {path}.")


def organisation(who: identity.Me) -> str | None:
    """Return the name of the organisation one acts for."""
    return next((each.tenant_name for each in who.memberships if each.tenant_id == who.tenant_id), None)


def keep_session(centre: Client, address: str, email: str, password: str, tenant: str | None = None) -> str:
    """Sign in and keep the session's secret in the configuration."""
    opened = identity.sign_in(centre, email, password, tenant)
    return str(config.save(Config(address, opened.secret)))


def read_password(*, from_stdin: bool) -> str:
    """Read a password from WUTONG_PASSWORD, standard input or the terminal; never from an argument, which others can see."""
    given = os.environ.get("WUTONG_PASSWORD")
    if given:
        return given
    return sys.stdin.readline().rstrip("\n") if from_stdin else getpass.getpass("Password: ")


def logout() -> None:
    """Sign out and forget the token."""
    with client() as centre:
        identity.sign_out(centre)
    config.forget()
    show.out.print("Signed out.")


def whoami(as_json: Json = False) -> None:
    """Show who you are here, and what you may do."""
    with client() as centre:
        who = identity.me(centre)
    if as_json:
        show.print_json(who)
        return
    others = [f"{each.tenant_name} ({each.tenant_id})" for each in who.memberships if each.tenant_id != who.tenant_id]
    show.facts(
        [
            ("name", who.name),
            ("e-mail", who.email),
            ("person", who.person_id),
            ("organisation", organisation(who)),
            ("tenant", who.tenant_id),
            ("role", who.role),
            ("also in", ", ".join(others)),
            ("centre roles", ", ".join(who.centre_roles)),
            ("centre", config.load().url),
        ]
    )


@tokens.command("ls")
def list_tokens(as_json: Json = False) -> None:
    """List your API tokens; their secrets are never shown again."""
    with client() as centre:
        found = list(identity.list_tokens(centre))
    rows = [(t.id, t.name, ", ".join(t.scopes) if t.scopes is not None else "all you may", t.expires_at, t.last_used_at) for t in found]
    empty = "No tokens yet. `wutong token create` makes one."
    show.listing(found, ("ID", "NAME", "MAY", "EXPIRES", "?LAST USED"), rows, empty=empty, as_json=as_json)


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="What it may do, such as job.submit; all you may by default. Repeatable.")] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is shown once."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    with client() as centre:
        wanted = checked(identity.NewToken, {"name": name, "scopes": scope, "expires_at": expires})
        made = identity.create_token(centre, wanted.name, wanted.scopes, wanted.expires_at)
    show.outcome(made, f"{made.secret}\n[dim]Shown once; keep it safe.[/dim]", as_json=as_json)


@tokens.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(help="Id of the token.")], yes: Yes = False) -> None:
    """End a token at once."""
    show.confirm(f"Revoke {token_id}?", yes=yes)
    with client() as centre:
        identity.revoke_token(centre, token_id)
    show.out.print(f"{show.cell(token_id)} is revoked.")


@secrets.command("ls")
def list_secrets(as_json: Json = False) -> None:
    """List names of secrets; values are never shown."""
    with client() as centre:
        found = catalogue.list_secrets(centre)
    empty = "No secrets yet. `wutong secret set` keeps one."
    rows = [(s.name, s.updated_at) for s in found]
    show.listing(found, ("NAME", "SET"), rows, empty=empty, as_json=as_json)


@secrets.command("set")
def set_secret(name: Annotated[str, typer.Argument(help="Name, which is the variable's name in a job.")]) -> None:
    """Set a secret; the value is read from standard input or asked for."""
    value = getpass.getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    if not value:
        raise Stop("The value is empty, so nothing was kept. Type it, or pipe it in.")
    with client() as centre:
        catalogue.set_secret(centre, name, value)
    show.out.print(f"{show.cell(name)} is set.")


@secrets.command("rm")
def remove_secret(name: Annotated[str, typer.Argument(help="Name of the secret.")], yes: Yes = False) -> None:
    """Delete a secret."""
    show.confirm(f"Delete the secret {name}?", yes=yes)
    with client() as centre:
        catalogue.delete_secret(centre, name)
    show.out.print(f"{show.cell(name)} is deleted.")
