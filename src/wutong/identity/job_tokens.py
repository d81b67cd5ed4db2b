"""Tokens a job finds in its environment: signed, without a row, good for one run until a time. The caller checks that the run still lives."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from wutong.identity.records import JobClaims
from wutong.kit import clock
from wutong.kit.errors import Unauthenticated

PREFIX = "wtj_"


def issue_job_token(key_file: Path, run_name: str, tenant_id: str, person_id: str, expires_at: datetime) -> str:
    """Return a token that says it is this run of this tenant and person, until a time."""
    body = json.dumps([run_name, tenant_id, person_id, int(expires_at.timestamp())], separators=(",", ":")).encode()
    return f"{PREFIX}{_encode(body)}.{_encode(_sign(key_file, body))}"


def authenticate_job_token(key_file: Path, token: str) -> JobClaims:
    """Return what a token says, or raise `Unauthenticated` when we did not sign it or its time is over."""
    try:
        body, signature = (_decode(part) for part in token.removeprefix(PREFIX).split("."))
    except ValueError:
        raise Unauthenticated from None
    if not token.startswith(PREFIX) or not hmac.compare_digest(signature, _sign(key_file, body)):
        raise Unauthenticated
    run_name, tenant_id, person_id, seconds = json.loads(body)
    expires_at = datetime.fromtimestamp(seconds, UTC)
    if expires_at <= clock.now():
        raise Unauthenticated
    return JobClaims(run_name, tenant_id, person_id, expires_at)


def _sign(key_file: Path, body: bytes) -> bytes:
    return hmac.digest(_key(key_file), body, "sha256")


@lru_cache(maxsize=8)
def _key(key_file: Path) -> bytes:
    """Derive a key of its own from the centre's key file, so that no other use of that file can make a job token."""
    return hashlib.sha256(b"wutong job token\0" + key_file.read_bytes()).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
