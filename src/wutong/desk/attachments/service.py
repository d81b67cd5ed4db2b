"""What doors may ask of files of tickets: keep their bytes first, with no transaction open, then give them to a message.

They count in no organisation's storage, so that who has no room left can still show what went wrong; the centre's people send files too.
"""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy.orm import Session

from wutong.desk.attachments import store
from wutong.desk.attachments.rules import (
    MOST_FILE_BYTES,
    Attachment,
    FileTooLarge,
    Kept,
    NothingToAttachTo,
    check_count,
    check_room,
    clean_file_name,
    is_too_late,
)
from wutong.desk.tickets import service as tickets
from wutong.desk.tickets.rules import Message
from wutong.hub import service as hub
from wutong.hub.rules import Blob, BlobStore, File, PreviewKind
from wutong.identity import service as identity
from wutong.identity.rules import Principal
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.ids import new_id


def keep_files(blobs: BlobStore, files: Sequence[tuple[str, Iterable[bytes]]]) -> list[Kept]:
    """Store files, given as their names and bytes. Call it with no transaction open; one that is too large, or one too many, keeps none."""
    check_count((), files)
    if not files:
        return []
    named = [(clean_file_name(name), chunks) for name, chunks in files]
    with blobs.intake() as intake:
        stored = [(name, intake.add(_limited(name, chunks))) for name, chunks in named]
    return [Kept(name, blob.size_bytes, blob.sha256, _is_picture(blobs, name, blob)) for name, blob in stored]


def attach(session: Session, who: Principal, ticket_id: str, files: Sequence[Kept], *, blobs: BlobStore, staff: bool = False) -> list[Attachment]:
    """Give files to what the caller wrote last in a ticket. The same file again is the one that is there."""
    if not files:
        return []
    ticket, message = tickets.last_message(session, who, ticket_id, staff=staff)
    if message.person_id != who.person_id or message.staff != staff or is_too_late(message.at, clock.now()):
        raise NothingToAttachTo(id=ticket_id)
    present = {(each.name, each.sha256): each for each in store.list_of(session, [message.id])}
    fresh = {(each.name, each.sha256): each for each in files if (each.name, each.sha256) not in present}
    check_count(present, fresh)
    check_room(store.used_bytes(session, ticket.tenant_id), fresh.values())
    now = clock.now()
    for key, each in fresh.items():
        made = Attachment(
            new_id("att"), ticket_id, message.id, ticket.tenant_id, who.person_id, each.name, each.size_bytes, each.sha256, each.picture, now
        )
        hub.hold_blob(session, Blob(each.sha256, each.size_bytes), f"attachment:{made.id}", blobs=blobs)
        store.add(session, {name: getattr(made, name) for name in Attachment.__dataclass_fields__})
        present[key] = made
    if fresh:
        after = {"files": [each.name for each in fresh.values()]}
        identity.audit(session, who, "ticket.attach", kind="ticket", id=ticket_id, tenant_id=ticket.tenant_id, after=after)
    return [present[(each.name, each.sha256)] for each in files]


def get_attachment(session: Session, who: Principal, ticket_id: str, attachment_id: str, *, staff: bool = False) -> Attachment:
    """Return a file of a ticket the caller may see, or raise `NotFound`."""
    ticket = tickets.get_ticket(session, who, ticket_id, staff=staff)
    found = store.find(session, ticket.id, attachment_id)
    if found is None:
        raise NotFound(kind="file", id=attachment_id)
    return found


def attachments_of(session: Session, messages: Sequence[Message]) -> dict[int, list[Attachment]]:
    """Return the files of messages that the caller was shown, by message."""
    found: dict[int, list[Attachment]] = {}
    for each in store.list_of(session, [message.id for message in messages]) if messages else ():
        found.setdefault(each.message_id, []).append(each)
    return found


def file_of(attachment: Attachment) -> File:
    """Return a file as the hub looks into it and opens it."""
    return File(attachment.name, attachment.size_bytes, attachment.sha256)


def _limited(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Count while bytes are taken in: an announced size is only a promise."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_FILE_BYTES:
            raise FileTooLarge(name=name, most=MOST_FILE_BYTES // 1024**2)
        yield chunk


def _is_picture(blobs: BlobStore, name: str, blob: Blob) -> bool:
    return hub.preview(blobs, File(name, blob.size_bytes, blob.sha256)).kind is PreviewKind.IMAGE
