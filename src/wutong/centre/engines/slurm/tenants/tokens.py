"""Tokens for slurmrestd: a JSON web token signed with the cluster's key (HS256), made with the standard library. Pure but for reading the key.

One token of SlurmUser may act as any user by a header; it is never given to a job.
"""

import base64
import hashlib
import hmac
import json
import os
import stat
from pathlib import Path

from wutong.kit.errors import Conflict

SHORTEST_KEY_BYTES = 32


def mint(key: bytes, user: str, *, now_s: float, lifetime_s: int = 600) -> str:
    """Return a token with which slurmrestd takes its bearer for the UNIX user."""
    claims: dict[str, object] = {"iat": int(now_s), "exp": int(now_s) + lifetime_s, "sun": user}
    signed = f"{_encode(_json({'alg': 'HS256', 'typ': 'JWT'}))}.{_encode(_json(claims))}"
    return f"{signed}.{_encode(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def headers(token: str, *, user: str | None = None) -> dict[str, str]:
    """Return the headers of a request; `user` is whom SlurmUser acts for."""
    return {"X-SLURM-USER-TOKEN": token, **({"X-SLURM-USER-NAME": user} if user else {})}


def read_key(path: Path) -> bytes:
    """Read the cluster's key. Raises Conflict when it is no secret: whoever reads it is every user of the cluster."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        key = file.read()
    if mode & 0o077:
        raise Conflict(
            reason=f"{path} can be read by others (mode {mode:o}), who could then act as any user. Run `chmod 600 {path}` and make a new key."
        )
    if len(key) < SHORTEST_KEY_BYTES:
        raise Conflict(reason=f"{path} holds {len(key)} bytes; a key has at least {SHORTEST_KEY_BYTES}. Make one with `head -c 32 /dev/urandom`.")
    return key


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
