"""Files of tickets: who reads them, how many and how large they may be, what they go with, and what becomes of their names."""

import hashlib
from datetime import timedelta

import pytest

from wutong.desk.attachments import rules, service
from wutong.desk.attachments.rules import FileTooLarge, NothingToAttachTo, TicketRoomFull, TooManyFiles, clean_file_name
from wutong.desk.tickets import service as tickets
from wutong.hub import service as hub
from wutong.hub.service import LocalBlobs
from wutong.identity import service as identity
from wutong.kit import clock
from wutong.kit.errors import Forbidden, NotFound
from wutong.kit.paging import PageRequest

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0" + bytes(20)


@pytest.fixture
def blobs(tmp_path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def opened(session, who):
    return tickets.open_ticket(session, who, subject="It does not start", text="See the log.")


def sent(session, who, ticket, blobs, *files, staff=False):
    kept = service.keep_files(blobs, [(name, [data]) for name, data in files])
    return service.attach(session, who, ticket.id, kept, blobs=blobs, staff=staff)


def names(session, who, ticket, *, staff=False):
    messages = tickets.list_messages(session, who, ticket.id, staff=staff).items
    found = service.attachments_of(session, messages)
    return [[each.name for each in found.get(message.id, [])] for message in messages]


def test_both_sides_send_files_and_both_read_them(session, cast, blobs):
    ticket = opened(session, cast.owner)
    log, picture = sent(session, cast.owner, ticket, blobs, ("run.log", b"boom"), ("screen.png", PNG))
    assert (log.picture, picture.picture, log.size_bytes) == (False, True, 4)
    tickets.answer(session, cast.operator, ticket.id, "Use this file.")
    (answer,) = sent(session, cast.operator, ticket, blobs, ("job.yaml", b"name: x"), staff=True)
    assert names(session, cast.colleague, ticket) == names(session, cast.operator, ticket, staff=True) == [["run.log", "screen.png"], ["job.yaml"]]
    for who, attachment, staff in ((cast.colleague, answer, False), (cast.finance, log, True)):
        found = service.get_attachment(session, who, ticket.id, attachment.id, staff=staff)
        assert b"".join(blobs.open_range(found.sha256)) in (b"boom", b"name: x")
    assert hub.storage(session, ticket.tenant_id).used_bytes == 0
    trail = [
        (entry.action, entry.after) for entry in identity.list_audit(session, cast.owner, PageRequest()).items if entry.action == "ticket.attach"
    ]
    assert trail == [("ticket.attach", {"files": ["job.yaml"]}), ("ticket.attach", {"files": ["run.log", "screen.png"]})]


def test_nobody_else_finds_them(session, cast, blobs):
    ticket, theirs = opened(session, cast.owner), opened(session, cast.stranger)
    (log,) = sent(session, cast.owner, ticket, blobs, ("run.log", b"boom"))
    for where in (ticket, theirs):  # knowing the file's id helps nobody: it is looked for in a ticket of one's own
        with pytest.raises(NotFound):
            service.get_attachment(session, cast.stranger, where.id, log.id)
    with pytest.raises(NotFound):
        sent(session, cast.stranger, ticket, blobs, ("x", b"x"))
    with pytest.raises(Forbidden):
        service.get_attachment(session, cast.owner, ticket.id, log.id, staff=True)
    with pytest.raises(Forbidden):
        service.get_attachment(session, cast.operator, ticket.id, log.id)


def test_files_go_with_what_their_sender_wrote_last(session, cast, blobs, fake_clock):
    ticket = opened(session, cast.owner)
    with pytest.raises(NothingToAttachTo, match="Write a message first"):
        sent(session, cast.colleague, ticket, blobs, ("x", b"x"))
    with pytest.raises(NothingToAttachTo):
        sent(session, cast.operator, ticket, blobs, ("x", b"x"), staff=True)
    fake_clock.advance(timedelta(hours=2).total_seconds())
    with pytest.raises(NothingToAttachTo):
        sent(session, cast.owner, ticket, blobs, ("x", b"x"))
    tickets.reply(session, cast.owner, ticket.id, "Here.")
    sent(session, cast.owner, ticket, blobs, ("x", b"x"))
    assert names(session, cast.owner, ticket) == [[], ["x"]]


def test_the_same_file_again_is_the_one_that_is_there(session, cast, blobs):
    ticket = opened(session, cast.owner)
    first = sent(session, cast.owner, ticket, blobs, ("run.log", b"boom"))
    assert sent(session, cast.owner, ticket, blobs, ("run.log", b"boom")) == first
    assert sent(session, cast.owner, ticket, blobs, ("run.log", b"other")) != first
    assert names(session, cast.owner, ticket) == [["run.log", "run.log"]]


def test_too_many_and_too_large(session, cast, blobs, monkeypatch):
    ticket = opened(session, cast.owner)
    with pytest.raises(TooManyFiles, match="at most 5"):
        service.keep_files(blobs, [(f"{number}", [b"x"]) for number in range(6)])
    sent(session, cast.owner, ticket, blobs, *[(f"{number}", b"x") for number in range(4)])
    with pytest.raises(TooManyFiles):
        sent(session, cast.owner, ticket, blobs, ("a", b"x"), ("b", b"x"))
    kept = [blob.sha256 for blob in blobs.list()]
    monkeypatch.setattr(service, "MOST_FILE_BYTES", 1024)
    with pytest.raises(FileTooLarge, match=r"core\.dump"):
        service.keep_files(blobs, [("small", [b"s"]), ("/tmp/core.dump", iter([b"x" * 700, b"x" * 700]))])
    assert [blob.sha256 for blob in blobs.list()] == kept == [hashlib.sha256(b"x").hexdigest()]
    monkeypatch.setattr(rules, "MOST_TENANT_BYTES", 5)
    with pytest.raises(TicketRoomFull):
        sent(session, cast.owner, ticket, blobs, ("last", b"12"))
    sent(session, cast.owner, ticket, blobs, ("last", b"1"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("训练日志 第三次.log", "训练日志 第三次.log"),
        ("سجل.txt", "سجل.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\run.log", "run.log"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\r\nSet-Cookie: x\0.log", "aSet-Cookie: x.log"),
        ("<img src=x onerror=alert(1)>.html", "<img src=x onerror=alert(1)>.html"),
        ("", "file"),
        ("..", "file"),
        ("\ud800.log", ".log"),
        ("x" * 300 + ".tar.gz", "x" * 180 + "x" * 13 + ".tar.gz"),
    ],
)
def test_names_are_the_senders_without_what_misleads(given, kept):
    assert clean_file_name(given) == kept


def test_an_empty_file_is_one(session, cast, blobs):
    (made,) = sent(session, cast.owner, opened(session, cast.owner), blobs, ("empty.log", b""))
    assert (made.size_bytes, made.picture, clock.now() >= made.at) == (0, False, True)
