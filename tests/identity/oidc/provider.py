"""A real OpenID Connect provider, a process of its own on loopback; anybody may say there whom they are."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from wutong.kit import clock


@contextmanager
def running_provider(folder: Path) -> Iterator[str]:
    """Run one, and give its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log"
    argv = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with log.open("wb") as file:
        provider = subprocess.Popen(argv, stdout=file, stderr=file, env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"})
    url = f"http://127.0.0.1:{port}"
    deadline = clock.monotonic() + 90
    try:
        while True:
            try:
                httpx2.get(f"{url}/.well-known/openid-configuration", timeout=5).raise_for_status()
                break
            except httpx2.HTTPError:
                assert provider.poll() is None, log.read_text()
                assert clock.monotonic() < deadline, log.read_text()
        yield url
    finally:
        provider.terminate()
        provider.wait(30)
