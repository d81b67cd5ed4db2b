"""A real SMTP server on loopback that keeps what it is handed, and can be away for a while."""

import socket
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller


class PostOffice:
    """`open` and `close` it as often as the test wants; its port stays the same."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """What a centre sets as its mail server."""
        return f"smtp://127.0.0.1:{self.port}"

    def open(self) -> "PostOffice":
        """Listen."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def close(self) -> None:
        """Answer nobody any more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server names it
        """Keep a mail."""
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def mails_to(self, address: str) -> list[tuple[str, str]]:
        """Return subject and plain text of each mail to an address."""
        return [(str(mail["Subject"]), mail.get_body(("plain",)).get_content()) for mail in list(self.got) if mail["To"] == address]
