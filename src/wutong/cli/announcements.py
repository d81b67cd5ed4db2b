"""`wutong announcements` and `wutong admin announce`, `announced`, `withdraw`: what the centre tells everybody."""

from datetime import datetime
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.sdk import announcements


def add(app: typer.Typer) -> None:
    """Put the operators' commands below `wutong admin`."""
    app.command()(announce)
    app.command("announced")(list_all)
    app.command()(withdraw)


def list_current(as_json: Json = False) -> None:
    """List what the centre announces now."""
    with client() as centre:
        found = announcements.list_announcements(centre)
    rows = [(a.id, a.level, f"{a.title_zh} / {a.title_en}", a.begins_at, a.ends_at) for a in found]
    show.listing(found, ("ID", "LEVEL", "WHAT", "?FROM", "?UNTIL"), rows, empty="Nothing is announced.", as_json=as_json)


def announce(
    title_zh: Annotated[str, typer.Argument(help="The line in Chinese.")],
    title_en: Annotated[str, typer.Argument(help="The line in English.")],
    text_zh: Annotated[str, typer.Option(help="More words in Chinese.")] = "",
    text_en: Annotated[str, typer.Option(help="More words in English.")] = "",
    level: Annotated[str, typer.Option(help="info, warning or critical.")] = "info",
    audience: Annotated[str, typer.Option(help="everyone, signed_in or pool.")] = "signed_in",
    pool: Annotated[str | None, typer.Option(help="The pool whose users are told, with --audience pool.")] = None,
    begin: Annotated[datetime | None, typer.Option("--from", help="From when; now by default.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Until when; until it is withdrawn by default.")] = None,
    instead_of: Annotated[str | None, typer.Option(help="Id of an announcement that is withdrawn for it.")] = None,
    stays: Annotated[bool, typer.Option("--stays", help="It cannot be put away before it is over.")] = False,
    as_json: Json = False,
) -> None:
    """Announce something, in both languages."""
    words = {"title_zh": title_zh, "title_en": title_en, "text_zh": text_zh, "text_en": text_en, "level": level, "audience": audience, "pool": pool}
    times = {"begins_at": begin.astimezone() if begin else None, "ends_at": end.astimezone() if end else None}
    wanted = checked(announcements.NewAnnouncement, {**words, **times, "dismissible": not stays})
    with client() as centre:
        made = announcements.replace(centre, instead_of, wanted) if instead_of else announcements.announce(centre, wanted)
    show.outcome(made, f"{made.id} is announced from {show.cell(made.begins_at)}.", as_json=as_json)


def list_all(as_json: Json = False) -> None:
    """List all announcements, the latest made first."""
    with client() as centre:
        found = list(announcements.list_all_announcements(centre))
    rows = [(a.id, a.level, a.audience, a.title_zh, a.begins_at, a.withdrawn_at or a.ends_at) for a in found]
    show.listing(found, ("ID", "LEVEL", "TO", "WHAT", "?FROM", "?UNTIL"), rows, empty="Nothing was announced.", as_json=as_json)


def withdraw(announcement: Annotated[str, typer.Argument(help="Id of the announcement.")], yes: Yes = False) -> None:
    """Show an announcement to nobody any more."""
    show.confirm(f"Withdraw {announcement}?", yes=yes)
    with client() as centre:
        announcements.withdraw(centre, announcement)
    show.out.print(f"{show.cell(announcement)} is withdrawn.")
