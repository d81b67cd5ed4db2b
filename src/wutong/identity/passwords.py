"""Passwords as argon2 hashes. A hash takes a quarter of a second on purpose, so doors call this with no transaction open."""

import threading

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

_hasher = PasswordHash((Argon2Hasher(),))

# A hash takes 64 MiB: two at a time bound what a flood of sign-ins can take, the rest wait in their threads.
_turnstile = threading.BoundedSemaphore(2)

# Of a random password nobody knows, so that an unknown e-mail takes as long as a wrong password.
_DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg"


def hash_password(text: str) -> str:
    """Return a salted hash; slow."""
    with _turnstile:
        return _hasher.hash(text)


def verify_password(text: str, password_hash: str | None) -> bool:
    """Tell whether the password fits the hash; slow, and as slow when there is no hash."""
    with _turnstile:
        try:
            fits = _hasher.verify(text, password_hash or _DUMMY)
        except UnknownHashError:
            return False
    return fits and password_hash is not None
