"""Mails as values, and the ways they leave: written to a folder, over SMTP, or kept for a test to look at. Queueing them is `kit.outbox`."""

import html
import os
import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from wutong.kit.errors import Problem
from wutong.kit.log import get_logger
from wutong.kit.settings import Settings

log = get_logger(__name__)

SMTP_SECONDS = 20.0
PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = "localhost"


class MailAddressWrong(Problem):
    """The setting that says how mails are sent cannot be used."""

    code = "mail_url_wrong"
    status = 500
    message = "WUTONG_MAIL_URL cannot be used: {reason}"


class Undeliverable(Problem):
    """The mail server refused the mail for good; another try would end the same."""

    code = "undeliverable"
    status = 502
    message = "The mail server refused the mail: {reason}"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one address, as plain text and as simple HTML that says the same."""

    to: str
    subject: str
    text: str
    html: str


class Sender(Protocol):
    """A way for mails to leave."""

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over. Raises `Undeliverable` when it is refused for good, anything else when it may be tried again."""


def compose(*, to: str, language: str, subject: str, paragraphs: Sequence[str], action: tuple[str, str] | None = None, footer: str = "") -> Mail:
    """Write a mail: paragraphs, one link to act on as (label, URL), and small print. What stands in them is text, never HTML."""
    parts = [*paragraphs, *([f"{action[0]}: {action[1]}"] if action else []), *([f"-- \n{footer}"] if footer else [])]
    body = [f"<p>{_escaped(each)}</p>" for each in paragraphs]
    if action:
        link = html.escape(action[1])
        body.append(f'<p><a href="{link}">{html.escape(action[0])}</a></p><p style="color:#666">{link}</p>')
    if footer:
        body.append(f'<p style="color:#666;font-size:90%">{_escaped(footer)}</p>')
    page = f'<!doctype html><html lang="{html.escape(language)}"><meta charset="utf-8"><body>{"".join(body)}</body></html>\n'
    return Mail(to, " ".join(subject.split()), "\n\n".join(parts) + "\n", page)


def to_message(mail: Mail, *, sender: str, sender_name: str, message_id: str, date: datetime) -> EmailMessage:
    """Return the mail in the form that mail servers take, with an id that stays the same however often it is tried."""
    message = EmailMessage()
    message["From"] = formataddr((sender_name, sender))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


class FolderSender:
    """Writes each mail as a file of its own, and says in the log that it is there; what a centre does before it is told of a mail server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write the mail; the same mail again replaces its file. Links in mails open doors, so only we may read them."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = re.sub(r"[^A-Za-z0-9._-]", "", str(message["Message-ID"]).strip("<>").partition("@")[0])
        path, draft = self._folder / f"{name}.eml", self._folder / f".{name}.{os.getpid()}"
        handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(message.as_bytes())
        draft.replace(path)
        log.info("a mail was written to a file: no mail server is set", to=str(message["To"]), file=str(path))


class SmtpSender:
    """Hands mails to a server: `smtps://user:password@host:port`, or `smtp://...`, which becomes encrypted where the server can."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port or PORTS.get(parts.scheme)
        except ValueError:
            port = None
        if port is None or parts.scheme not in PORTS or not parts.hostname:
            raise MailAddressWrong(reason="write smtps://user:password@host:port, or smtp://host:port.")
        self._tls, self._host, self._port = parts.scheme == "smtps", parts.hostname, port
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        """Hand one mail over in a connection of its own."""
        try:
            with self._connect() as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, reason = next(iter(refused.recipients.values()))
            raise (Undeliverable(reason=_said(reason)) if code >= 500 else refused) from refused
        except smtplib.SMTPDataError as refused:
            raise (Undeliverable(reason=_said(refused.smtp_error)) if refused.smtp_code >= 500 else refused) from refused

    def _connect(self) -> smtplib.SMTP:
        if self._tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=SMTP_SECONDS, context=ssl.create_default_context())
        server = smtplib.SMTP(self._host, self._port, timeout=SMTP_SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        elif self._user and not _is_here(self._host):
            server.close()
            raise MailAddressWrong(reason=f"{self._host} offers no encryption, and the password would be sent in the clear. Use smtps://.")
        return server


@dataclass
class FakeSender:
    """Keeps mails for a test. `failures` are raised first, one a try."""

    sent: list[EmailMessage] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def send(self, message: EmailMessage) -> None:
        """Keep the mail, or fail as told."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)

    def texts(self) -> list[str]:
        """Return the plain text of each mail."""
        return [part.get_content() for each in self.sent if (part := each.get_body(("plain",))) is not None]


def make_sender(settings: Settings) -> Sender:
    """Return the way that the settings choose."""
    if settings.mail_url is None:
        return FolderSender(settings.home / "mail")
    return SmtpSender(settings.mail_url.get_secret_value())


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _said(reason: bytes | str) -> str:
    return (reason.decode(errors="replace") if isinstance(reason, bytes) else reason)[:500]


def _is_here(host: str) -> bool:
    try:
        return host == _LOOPBACK or ip_address(host).is_loopback
    except ValueError:
        return False
