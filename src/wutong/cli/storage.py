"""`wutong storage`, `wutong data uploads` and `give-up`: what is kept, what may be, and what is on its way."""

import re
from decimal import Decimal
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.show import Stop
from wutong.sdk import data

UNITS = {unit: 1 << 10 * power for power, unit in enumerate(("", "K", "M", "G", "T", "P"))}


def storage(as_json: Json = False) -> None:
    """Show how much your organisation keeps, and how much it may keep."""
    with client() as centre:
        found = data.storage(centre)
    if as_json:
        show.print_json(found)
        return
    left = max(found.quota_bytes - found.used_bytes, 0)
    show.facts([("kept", show.size(found.used_bytes)), ("allowed", show.size(found.quota_bytes)), ("left", show.size(left))])


def uploads(as_json: Json = False) -> None:
    """List uploads that are not finished, of all kinds, and how far each is. Until it expires its whole size is set aside."""
    with client() as centre:
        found = data.list_uploads(centre)
    rows = [(u.id, u.filename, u.kind, show.size(u.offset_bytes), show.size(u.size_bytes), u.created_at, u.expires_at) for u in found]
    show.listing(found, ("ID", "FILE", "?KIND", ">ARRIVED", ">OF", "?BEGUN", "?EXPIRES"), rows, empty="No uploads are open.", as_json=as_json)


def give_up(upload_id: Annotated[str, typer.Argument(help="Id of the upload; `wutong data uploads` lists them.")], yes: Yes = False) -> None:
    """Give an upload up: what has arrived is thrown away, and the room set aside for it is free again."""
    show.confirm(f"Give up {upload_id}?", yes=yes)
    with client() as centre:
        data.cancel_upload(centre, upload_id)
    show.out.print(f"{show.cell(upload_id)} is given up.")


def size_bytes(text: str) -> int:
    """Read a size such as 200GiB, 1.5TiB or 4096 as bytes; units count by 1024."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGTP]?)(?:i?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    if not found:
        raise Stop(f"{text} is not a size such as 200GiB or 1.5TiB.")
    return int(Decimal(found[1]) * UNITS[found[2].upper()])
