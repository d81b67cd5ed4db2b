"""`wutong inbox`: what one was told, and what of it one wants."""

from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, checked, client
from wutong.sdk import notices

app = typer.Typer(help="What you were told: jobs that ended, money, maintenance, tickets.", no_args_is_help=True)


@app.command("ls")
def list_told(
    unread: Annotated[bool, typer.Option("--unread", help="Only what you have not read.")] = False,
    most: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List what you were told, newest first."""
    with client() as centre:
        found = list(notices.list_told(centre, unread=unread, most=most))
    rows = [(n.id, n.at, "" if n.read_at else "new", n.text) for n in found]
    show.listing(found, ("ID", "WHEN", "?NEW", "WHAT"), rows, empty="Nothing to tell.", as_json=as_json)


@app.command()
def read(ids: Annotated[list[int] | None, typer.Argument(help="Which; all when none are named.")] = None) -> None:
    """Mark notices as read."""
    with client() as centre:
        count = notices.mark_read(centre, ids or None)
    show.out.print(f"{show.count(count, 'notice')} marked as read.")


@app.command()
def choices(as_json: Json = False) -> None:
    """List what you are told of, and where."""
    with client() as centre:
        _list(notices.list_choices(centre), as_json=as_json)


@app.command()
def choose(
    kind: Annotated[str, typer.Argument(help="job_ended, balance, budget, maintenance, ticket or invitation.")],
    channel: Annotated[str, typer.Argument(help="portal, mail or webhook.")],
    wanted: Annotated[str, typer.Argument(help="on or off.")],
    as_json: Json = False,
) -> None:
    """Switch a kind of notice on or off on a channel."""
    change = checked(notices.ChoiceChange, {"kind": kind, "channel": channel, "wanted": wanted})
    with client() as centre:
        _list(notices.choose(centre, [change]), as_json=as_json)


def _list(found: list[notices.Choice], *, as_json: bool) -> None:
    kinds = dict.fromkeys(each.kind for each in found)
    on = {(each.kind, each.channel): "on" if each.wanted else "off" for each in found}
    rows = [(kind, on[kind, "portal"], on[kind, "mail"], on[kind, "webhook"]) for kind in kinds]
    show.listing(found, ("KIND", "PORTAL", "MAIL", "WEBHOOK"), rows, empty="Nothing.", as_json=as_json)
