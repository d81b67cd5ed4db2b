"""What a webhook may lead to, how a message is signed, and when it is tried again. Pure.

Signatures are those of the Standard Webhooks specification 1.0, so that receivers find a library for them.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from wutong.desk.rules import NoticeKind
from wutong.kit.errors import Conflict, Invalid, Problem

SECRET_PREFIX = "whsec_"  # noqa: S105 - how one begins
MOST_WEBHOOKS = 10
MOST_URL = 500
PAUSES: Final[Sequence[timedelta]] = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200, 21600, 43200))
KEEP = timedelta(days=30)
GONE = 410
PING = "ping"
# Ways of writing an IPv4 address inside an IPv6 one, by which a private one might be reached.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))


class DeliveryState(StrEnum):
    """Whether a message is still to be delivered."""

    DUE = "due"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a tenant wants to be told of which kinds; `problem` says why it was switched off, if not by people."""

    id: str
    tenant_id: str
    url: str
    kinds: frozenset[NoticeKind]
    enabled: bool
    problem: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to a webhook, and how far it came; `kind` is a kind of notice, or `ping` for a trial."""

    id: str
    webhook_id: str
    kind: str
    state: DeliveryState
    tries: int
    status: int | None
    problem: str
    made_at: datetime
    next_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to be delivered: how many messages, to how many webhooks, since when the oldest waits, and how many nobody tries although due."""

    waiting: int
    webhooks: int
    oldest_at: datetime | None
    late: int


class UnsafeTarget(Problem):
    """The address leads to where no webhook may lead."""

    code = "unsafe_target"
    status = 422
    message = "The webhook's host {host} leads to {address}, which is not a public address."


class TooManyWebhooks(Conflict):
    """A tenant has as many webhooks as it may."""

    code = "too_many_webhooks"
    message = "An organisation can have {most} webhooks. Remove one first."


def check_url(url: str, *, loopback: bool) -> str:
    """Return an address webhooks may have, or raise `Invalid`: https, to a name or a public address, without a password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MOST_URL and "\\" not in url
    host = parts.hostname or ""
    schemes = {"https", "http"} if loopback else {"https"}
    if not plain or parts.scheme not in schemes or not host or parts.username is not None or parts.fragment or port == 0:
        raise Invalid(field="url", reason="Write an address such as https://hooks.example.cn/wutong, without a user, a password or a #.")
    literal = _literal(host)
    if literal is not None and not is_allowed(literal, loopback=loopback):
        raise UnsafeTarget(host=host, address=str(literal))
    return url


def is_allowed(address: IPv4Address | IPv6Address, *, loopback: bool) -> bool:
    """Tell whether a webhook may lead to an address: a public one, or this machine where the centre allows it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_allowed(address.ipv4_mapped, loopback=loopback)
        if any(address in network for network in _TRANSLATED):
            return False
    if address.is_loopback:
        return loopback
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def sign(secret: str, *, delivery_id: str, timestamp: int, body: str) -> str:
    """Return the signature header of a message: HMAC-SHA256 over id, time and body, under the secret's bytes."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, f"{delivery_id}.{timestamp}.{body}".encode(), "sha256")).decode()


def after_try(tries: int, now: datetime) -> datetime | None:
    """Return when a message that was tried so often without success is tried again, None when it is given up."""
    return now + PAUSES[tries - 1] if tries <= len(PAUSES) else None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
