"""`wutong ticket`: asking the centre for help, and, for the centre's people, giving it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, checked, client
from wutong.cli.show import Stop
from wutong.sdk import tickets
from wutong.sdk.client import Client
from wutong.sdk.errors import ApiError
from wutong.sdk.tickets import Ticket

app = typer.Typer(help="Ask the centre for help.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the ticket; `wutong ticket ls` lists them.")]
Text = Annotated[str, typer.Argument(help="What to write; `-` reads it from standard input.")]
Staff = Annotated[bool, typer.Option("--centre", help="As one of the centre's people, of any organisation.")]
Files = Annotated[
    list[Path] | None,
    typer.Option("--attach", help="A file to send with it, at most 16 MiB; repeatable, up to 5.", exists=True, dir_okay=False, readable=True),
]

COLUMNS = ("ID", "STATE", "SUBJECT", "?NEW", "?WITH", "CHANGED")


@app.command("open")
def open_ticket(
    subject: Annotated[str, typer.Argument(help="What it is about, in a few words.")],
    text: Text,
    job: Annotated[str | None, typer.Option(help="Id of the job it is about.")] = None,
    attach: Files = None,
    as_json: Json = False,
) -> None:
    """Open a ticket."""
    wanted = checked(tickets.NewTicket, {"subject": subject, "text": written(text), "job_id": job})
    fitting(attach)
    with client() as centre:
        made = tickets.open_ticket(centre, wanted)
        _send(centre, made.id, attach)
    show.outcome(made, f"Ticket {made.id} is open. `wutong ticket show {made.id}` shows what is answered.", as_json=as_json)


@app.command("ls")
def list_tickets(
    state: Annotated[list[str] | None, typer.Option(help="open, answered, waiting, closed or reopened; repeatable.")] = None,
    text: Annotated[str | None, typer.Option(help="Part of a subject or of what was written.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only those you opened, or look after.")] = False,
    staff: Staff = False,
    most: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List tickets, those with the latest message first."""
    with client() as centre:
        found = list(tickets.list_tickets(centre, staff=staff, state=state, text=text, mine=mine or None, most=most))
    rows = [(t.id, t.state, t.subject, "new" if t.unread else "", t.assignee or "", t.updated_at) for t in found]
    show.listing(found, COLUMNS, rows, empty="No tickets.", as_json=as_json)


@app.command("show")
def show_ticket(ticket: Id, staff: Staff = False, as_json: Json = False) -> None:
    """Show a ticket and all that was written in it."""
    with client() as centre:
        found = tickets.get_ticket(centre, ticket, staff=staff)
        said = list(tickets.list_messages(centre, ticket, staff=staff))
        tickets.mark_seen(centre, ticket, staff=staff)
    if as_json:
        show.print_json({"ticket": found.model_dump(mode="json"), "messages": [each.model_dump(mode="json") for each in said]})
        return
    show.facts([("ticket", found.id), ("subject", found.subject), ("state", found.state), ("job", found.job_id), ("with", found.assignee)])
    for each in said:
        side = ", of the centre" if each.staff else ""
        show.out.print(f"\n[bold]{show.cell(each.name)}[/bold]{side} [dim]{show.cell(each.at)}[/dim]\n{show.cell(each.text)}")
        for file in each.attachments:
            show.out.print(f"  [dim]{file.id}[/dim]  {show.cell(file.name)}  {file.size_bytes:,} bytes")


@app.command()
def reply(ticket: Id, text: Text, attach: Files = None, as_json: Json = False) -> None:
    """Write in a ticket; a closed one is open again then."""
    fitting(attach)
    with client() as centre:
        done = tickets.reply(centre, ticket, written(text))
        _send(centre, ticket, attach)
    _tell(done, as_json=as_json)


@app.command()
def answer(
    ticket: Id,
    text: Text,
    ask: Annotated[bool, typer.Option("--ask", help="It is a question: the ticket waits for the organisation.")] = False,
    attach: Files = None,
    as_json: Json = False,
) -> None:
    """Answer a ticket, for the centre."""
    fitting(attach)
    with client() as centre:
        done = tickets.answer(centre, ticket, written(text), ask=ask)
        _send(centre, ticket, attach, staff=True)
    _tell(done, as_json=as_json)


@app.command()
def download(
    ticket: Id,
    file: Annotated[str, typer.Argument(help="Id of the file; `wutong ticket show` lists them.")],
    to: Annotated[Path | None, typer.Option(help="Where to write it; else under its own name here.")] = None,
    staff: Staff = False,
) -> None:
    """Download a file of a ticket."""
    with client() as centre:
        files = {each.id: each for message in tickets.list_messages(centre, ticket, staff=staff) for each in message.attachments}
        if file not in files:
            raise Stop(f"Ticket {ticket} has no file {file}. `wutong ticket show {ticket}` lists them.")
        target = to or Path(files[file].name)
        if target.exists():
            raise Stop(f"{target} is there already. Say where to write it with --to.")
        tickets.download_attachment(centre, ticket, file, target, staff=staff)
    show.out.print(show.cell(f"Written to {target}."))


@app.command()
def close(ticket: Id, staff: Staff = False, as_json: Json = False) -> None:
    """Close a ticket that is done with."""
    with client() as centre:
        _tell(tickets.change_ticket(centre, ticket, "closed", staff=staff), as_json=as_json)


@app.command()
def reopen(ticket: Id, staff: Staff = False, as_json: Json = False) -> None:
    """Take a closed ticket up again."""
    with client() as centre:
        _tell(tickets.change_ticket(centre, ticket, "reopened", staff=staff), as_json=as_json)


@app.command()
def assign(ticket: Id, person: Annotated[str, typer.Argument(help="Id of somebody of the centre; `-` for nobody.")], as_json: Json = False) -> None:
    """Name who of the centre looks after a ticket."""
    with client() as centre:
        _tell(tickets.assign(centre, ticket, None if person == "-" else person), as_json=as_json)


def written(text: str) -> str:
    """Return what was given, or what standard input holds."""
    given = sys.stdin.read() if text == "-" else text
    if not given.strip():
        raise Stop("Write something.")
    return given


def fitting(files: list[Path] | None) -> None:
    """Refuse what the centre would refuse, before anything is written in the ticket."""
    if len(files or ()) > tickets.MOST_FILES:
        raise Stop(f"A message holds at most {tickets.MOST_FILES} files. Put them into one archive, or send another message.")
    large = next((each for each in files or () if each.stat().st_size > tickets.MOST_FILE_BYTES), None)
    if large is not None:
        raise Stop(f"{large} is larger than {tickets.MOST_FILE_BYTES // 1024**2} MiB, the most for one file. Send an excerpt.")


def _send(centre: Client, ticket: str, files: list[Path] | None, *, staff: bool = False) -> None:
    for each in files or ():
        try:
            tickets.attach_file(centre, ticket, each, staff=staff)
        except (ApiError, OSError) as error:
            raise Stop(f"The message is sent to ticket {ticket}, but {each} is not: {error} Send it with another message.") from error


def _tell(ticket: Ticket, *, as_json: bool) -> None:
    by = f", with {show.cell(ticket.assignee)}" if ticket.assignee else ""
    show.outcome(ticket, f"Ticket {ticket.id} is {ticket.state}{by}.", as_json=as_json)
