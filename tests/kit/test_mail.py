"""Mails as text and HTML, and the two ways they leave: into a folder, and over a real SMTP server."""

import smtplib
import stat
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from wutong.kit.mail import FolderSender, MailAddressWrong, SmtpSender, Undeliverable, compose, to_message

LETTER = compose(
    to="li@example.cn",
    language="zh",
    subject="重设\r\nBcc: all@example.cn",
    paragraphs=["您好 <b>&</b>", "two\nlines"],
    action=("Open", "https://ai.example.cn/reset?token=a&b"),
    footer="Ignore this.",
)


def message(mail=LETTER):
    return to_message(
        mail, sender="wutong@example.cn", sender_name="梧桐", message_id="<1a2b@example.cn>", date=datetime(2026, 11, 22, 8, tzinfo=UTC)
    )


def test_text_and_html_say_the_same_and_nothing_in_them_is_markup():
    assert LETTER.text == "您好 <b>&</b>\n\ntwo\nlines\n\nOpen: https://ai.example.cn/reset?token=a&b\n\n-- \nIgnore this.\n"
    assert "您好 &lt;b&gt;&amp;&lt;/b&gt;" in LETTER.html
    assert 'href="https://ai.example.cn/reset?token=a&amp;b"' in LETTER.html


def test_a_subject_is_one_line_and_adds_no_header():
    made = message_from_bytes(message().as_bytes(), policy=policy.default)
    assert made["Subject"] == "重设 Bcc: all@example.cn"
    assert made["Bcc"] is None
    assert made["From"] == "梧桐 <wutong@example.cn>"
    assert made.get_body(("html",)).get_content_type() == "text/html"


def test_without_a_server_each_mail_is_a_file_that_only_we_read(tmp_path):
    sender = FolderSender(tmp_path / "mail")
    sender.send(message())
    sender.send(message())
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == "1a2b.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["Message-ID"] == "<1a2b@example.cn>"


@pytest.mark.parametrize("url", ["", "http://mail.example", "smtp://", "smtp://mail.example:many", "mail.example"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(MailAddressWrong):
        SmtpSender(url)


class Inbox:
    """What the server's end sees. `answer` is told for each recipient."""

    def __init__(self):
        self.got, self.answer = [], "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the server names it
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server names it
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def server():
    """A real SMTP server on loopback that lets in `wutong` with the password `a b`."""

    def may_enter(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"wutong", b"a b"), handled=False)

    controller = Controller(Inbox(), hostname="127.0.0.1", port=0, authenticator=may_enter, auth_require_tls=False)
    controller.port = _free_port()
    controller.start()
    yield controller
    controller.stop()


def _free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_gets_it_as_it_is(server):
    SmtpSender(f"smtp://wutong:a%20b@127.0.0.1:{server.port}").send(message())
    (got,) = server.handler.got
    assert (got["To"], got["Message-ID"], got["Subject"]) == ("li@example.cn", "<1a2b@example.cn>", "重设 Bcc: all@example.cn")
    assert "two\nlines" in got.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_what_is_refused_for_good_and_what_may_be_tried_again(server):
    sender = SmtpSender(f"smtp://127.0.0.1:{server.port}")
    server.handler.answer = "550 no such mailbox"
    with pytest.raises(Undeliverable, match="no such mailbox"):
        sender.send(message())
    server.handler.answer = "451 greylisted"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        sender.send(message())
    with pytest.raises(smtplib.SMTPAuthenticationError):
        SmtpSender(f"smtp://wutong:wrong@127.0.0.1:{server.port}").send(message())
