"""The text of secrets: `wts_` sessions, `wtk_` tokens, `wti_` invitations, `wtr_` new passwords, `wte_`
changes of address, `wtl_` links to providers. 32 random characters and 6 that check them, so that a typing
error is told from a stranger without asking the database, and scanners can find leaked ones. Pure but for chance.
"""

import hashlib
import re
import secrets
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PATTERN = re.compile(r"wt[skirel]_[0-9A-Za-z]{38}")

SESSION, TOKEN, INVITATION = "wts_", "wtk_", "wti_"
RESET, EMAIL, LINK = "wtr_", "wte_", "wtl_"


def new_secret(prefix: str) -> str:
    """Return a fresh secret of a kind; about 190 bits of chance."""
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(32))
    return body + _check(body)


def is_whole(secret: str) -> bool:
    """Tell whether the text has the form of a secret and its check characters fit."""
    return _PATTERN.fullmatch(secret) is not None and _check(secret[:-6]) == secret[-6:]


def digest(secret: str) -> str:
    """Return what is stored in place of the secret. It is random, so one sha256 suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(body: str) -> str:
    value, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        text = _ALPHABET[rest] + text
    return text
