"""`wutong profile` and `wutong password`: one's own name, language, zone and password."""

import sys
from typing import Annotated

import typer

from wutong.cli import config, show
from wutong.cli.account import PasswordStdin, Url, read_password
from wutong.cli.common import Json, checked, client
from wutong.sdk import account, identity
from wutong.sdk.client import Client

passwords = typer.Typer(help="Choose another password.", no_args_is_help=True)


def profile(
    name: Annotated[str | None, typer.Option(help="What you are called.")] = None,
    language: Annotated[str | None, typer.Option(help="zh or en.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, such as Asia/Shanghai.")] = None,
    as_json: Json = False,
) -> None:
    """Show or change your name, language and time zone."""
    given = {field: value for field, value in (("name", name), ("language", language), ("zone", zone)) if value is not None}
    with client() as centre:
        me = identity.change_me(centre, checked(identity.ProfileChange, given)) if given else identity.me(centre)
    if as_json:
        show.print_json(me)
    else:
        show.facts([("name", me.name), ("e-mail", me.email), ("language", me.language), ("zone", me.zone)])


@passwords.command()
def forgot(email: Annotated[str, typer.Argument(help="Your e-mail address.")], url: Url = None) -> None:
    """Have a link mailed that lets you choose another password."""
    with Client(url or config.load().url, None) as centre:
        account.request_reset(centre, email)
    show.out.print(f"If {show.cell(email)} has an account, a link is on its way. It works once, for half an hour.")


@passwords.command()
def reset(
    secret: Annotated[str, typer.Argument(help="What follows `token=` in the link; `-` reads it from standard input.")],
    url: Url = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Choose another password by the link that was mailed. You are signed out everywhere."""
    given = sys.stdin.readline().strip() if secret == "-" else secret  # noqa: S105 a dash is no secret
    with Client(url or config.load().url, None) as centre:
        account.use_reset(centre, given, read_password(from_stdin=password_stdin))
    show.out.print("Your password is changed. `wutong login` signs you in.")
