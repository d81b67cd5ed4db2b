"""What a file of a ticket is, and how large and how many they may be. Pure."""

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from wutong.kit.errors import Conflict, Problem

MOST_FILES = 5
MOST_FILE_BYTES = 16 * 1024 * 1024
MOST_TENANT_BYTES = 2 * 1024**3
TIME_TO_ATTACH = timedelta(hours=1)
MOST_NAME = 200
# Control characters, and those that turn the reading direction round: with them `gpj.exe` can be made to look like `exe.jpg`.
_DROPPED = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message; `picture` tells that its bytes are a picture browsers show. Its name is as its sender gave it, and never a path."""

    id: str
    ticket_id: str
    message_id: int
    tenant_id: str
    person_id: str
    name: str
    size_bytes: int
    sha256: str
    picture: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A file whose bytes are in the store, and which no message has yet."""

    name: str
    size_bytes: int
    sha256: str
    picture: bool


class FileTooLarge(Problem):
    """A file is over the limit of one."""

    code = "attachment_too_large"
    status = 413
    message = "The file {name} is larger than {most} MiB, the most for one file. Send an excerpt, or upload it as a data set and name that here."


class TooManyFiles(Conflict):
    """A message has as many files as it may have."""

    code = "too_many_attachments"
    message = "A message holds at most {most} files. Put them into one archive, or send another message."


class TicketRoomFull(Conflict):
    """An organisation's tickets hold as many bytes as they may."""

    code = "attachments_full"
    message = "The files of your organisation's tickets come to more than {most} GiB. Upload this one as a data set and name it in the ticket."


class NothingToAttachTo(Conflict):
    """Files go with what their sender wrote last, and soon after."""

    code = "nothing_to_attach_to"
    message = "The last message of ticket {id} is not yours, or is older than an hour. Write a message first, then attach files to it."


def clean_file_name(name: str) -> str:
    """Return the last part of a name without what could not be seen or would mislead; never empty."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/")).rpartition("/")[2]
    kept = "".join(letter for letter in last if letter not in _TURNING and unicodedata.category(letter) not in _DROPPED)
    kept = kept.strip()
    if len(kept) > MOST_NAME:
        kept = kept[: MOST_NAME - 20] + kept[-20:]
    return kept if kept.strip(". ") else "file"


def check_count(present: Collection[object], more: Collection[object]) -> None:
    """Refuse more files than a message may have."""
    if len(present) + len(more) > MOST_FILES:
        raise TooManyFiles(most=MOST_FILES)


def is_too_late(written_at: datetime, now: datetime) -> bool:
    """Tell whether a message is too old to get files."""
    return now - written_at > TIME_TO_ATTACH


def check_room(used_bytes: int, more: Iterable[Kept]) -> None:
    """Refuse more bytes than an organisation's tickets may hold."""
    if used_bytes + sum(each.size_bytes for each in more) > MOST_TENANT_BYTES:
        raise TicketRoomFull(most=MOST_TENANT_BYTES // 1024**3)
