"""Forms are taken only from our own pages: each carries a token that belongs to the reader's session, or to the visit before sign-in.

Beside it stand SameSite cookies and the check of the Origin header; a token alone would do, and so would each of the others.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

from wutong.kit.errors import Forbidden

COOKIE = "wutong_visit"
FIELD = "csrf_token"
HEADER = "x-csrf-token"


class FormExpired(Forbidden):
    """The form is of another session, or was not made by us."""

    code = "form_expired"
    message = "This page is of an earlier session. Load it again, then send the form once more; what you typed is still in it when you go back."


def new_visit() -> str:
    """Return the value of a visit's cookie."""
    return secrets.token_urlsafe(24)


def token_for(key_file: Path, bound_to: str) -> str:
    """Return a token of a session's secret or a visit. Each is another one, so that compressed pages do not betray it bit by bit (BREACH)."""
    chance = secrets.token_hex(8)
    return f"{chance}{_proof(key_file, bound_to, chance)}"


def check(key_file: Path, bound_to: str | None, given: str | None) -> None:
    """Raise `FormExpired` unless the token belongs to the session or visit."""
    chance, proof = (given or "")[:16], (given or "")[16:]
    if not bound_to or not proof or not hmac.compare_digest(_proof(key_file, bound_to, chance).encode(), proof.encode()):
        raise FormExpired


def _proof(key_file: Path, bound_to: str, chance: str) -> str:
    return hmac.new(_key(key_file), f"{chance} {bound_to}".encode(), hashlib.sha256).hexdigest()


def _key(key_file: Path) -> bytes:
    return hashlib.sha256(b"wutong forms\0" + key_file.read_bytes()).digest()
