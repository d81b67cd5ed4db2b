"""Forms of tickets, which may carry files: who sends one is looked at before the first byte is taken, its files are kept, then it is answered."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from anyio.to_thread import run_sync
from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from wutong.desk.attachments import service as attachments
from wutong.desk.attachments.rules import MOST_FILES, Attachment, Kept
from wutong.desk.tickets.rules import Ticket
from wutong.doorway.asking import needs
from wutong.identity.rules import Permission, Principal
from wutong.kit.errors import Problem
from wutong.web import csrf
from wutong.web.view import View, Visit, check_token

PIECE_BYTES = 1024 * 1024
FIELDS = 10
# More than a message may have, so that who chose too many is told so in words and keeps what was typed.
FILES = 10 * MOST_FILES
FILE_FIELD = "files"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form said, cut to what could be kept of it, and its files, which are in the store already. `refused` tells why they are not."""

    fields: dict[str, str]
    files: Sequence[Kept] = ()
    refused: Problem | None = None

    def get(self, name: str, most: int = 400) -> str:
        """Return a field, empty when there is none."""
        return self.fields.get(name, "")[:most]

    def attach(self, tx: Session, view: View, ticket: Ticket, *, staff: bool = False) -> list[Attachment]:
        """Give the files to what the reader has just written."""
        return attachments.attach(tx, view.who, ticket.id, self.files, blobs=view.context.blobs, staff=staff)

    def checked(self) -> "Sent":
        """Raise why its files were not kept."""
        if self.refused is not None:
            raise self.refused
        return self


async def receive(
    visit: Visit,
    request: Request,
    permission: Permission,
    look: Callable[[Session, Principal], object],
    answer: Callable[[Session, View, Sent], Response],
) -> Response:
    """Take a form whose sender may do what `look` looks at, and answer it in a transaction."""
    await visit.ask(look, permission)
    async with request.form(max_files=FILES, max_fields=FIELDS) as form:
        check_token(visit, str(form.get(csrf.FIELD, "")))
        return await run_sync(_answer, visit, permission, form, answer)


def _answer(visit: Visit, permission: Permission, form: FormData, answer: Callable[[Session, View, Sent], Response]) -> Response:
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    files = [each for each in form.getlist(FILE_FIELD) if isinstance(each, UploadFile) and each.filename]
    try:
        sent = Sent(fields, attachments.keep_files(visit.context.blobs, [(each.filename or "", _pieces(each.file)) for each in files]))
    except Problem as refused:
        sent = Sent(fields, refused=refused)
    with visit.context.database.session() as tx:
        return answer(tx, visit.present(tx, needs(permission)), sent)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece
