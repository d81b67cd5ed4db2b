"""A small HTTP/1.1 load generator: a fixed number of keep-alive connections, each sending one request after the other.

It knows just enough of HTTP to count answers (a status line and Content-Length), so that on two shared cores most of the work measured is the
server's, not the client's.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Result:
    """Answers by status, the latency of each in seconds, and the time all took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Latency that this share of the requests stayed below, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(method: str, url: str, token: str, *, body: dict[str, object] | None = None, headers: dict[str, str] | None = None) -> bytes:
    """Write one request as bytes."""
    parts = urlsplit(url)
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def run(url: str, make: Callable[[int], bytes], *, count: int, clients: int) -> Result:
    """Send `count` requests, made by number, over `clients` connections at once."""
    return asyncio.run(_run(url, make, count, clients))


async def _run(url: str, make: Callable[[int], bytes], count: int, clients: int) -> Result:
    result, numbers, parts = Result(), iter(range(count)), urlsplit(url)

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for number in numbers:
            message = make(number)
            began = time.perf_counter()
            writer.write(message)
            status = await _answer(reader)
            result.latencies.append(time.perf_counter() - began)
            result.statuses[status] = result.statuses.get(status, 0) + 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    result.seconds = time.perf_counter() - began
    return result


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])
