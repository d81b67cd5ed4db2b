"""Sends one message to one address: the name is looked up once, all its addresses are judged, and the connection goes to one of them."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import httpx2

from wutong.desk.webhooks.rules import UnsafeTarget, check_url, is_allowed

SECONDS = 10.0


async def post(url: str, body: str, headers: Mapping[str, str], *, loopback: bool, trust: ssl.SSLContext) -> int:
    """Return the status of the answer, of which nothing else is read. No redirect is followed, and no proxy of the environment used.

    Raises `UnsafeTarget`, `Invalid`, `OSError`, or `TimeoutError` when all of it takes longer than ten seconds.
    """
    parts = urlsplit(check_url(url, loopback=loopback))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    async with asyncio.timeout(SECONDS):
        address = await resolve(host, port, loopback=loopback)
        literal = f"[{address}]" if ":" in address else address
        pinned = urlunsplit((parts.scheme, f"{literal}:{port}", parts.path or "/", parts.query, ""))
        sent = {**headers, "Host": parts.netloc}
        try:
            async with (
                httpx2.AsyncClient(verify=trust, timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", pinned, content=body.encode(), headers=sent, extensions={"sni_hostname": host}) as answer,
            ):
                return answer.status_code
        except httpx2.HTTPError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error


async def resolve(host: str, port: int, *, loopback: bool) -> str:
    """Return one of a name's addresses. One that may not be reached among them makes the name as a whole unsafe: raises `UnsafeTarget`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found]
    for address in addresses:
        if not is_allowed(ip_address(address), loopback=loopback):
            raise UnsafeTarget(host=host, address=address)
    return addresses[0]
