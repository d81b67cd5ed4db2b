"""Secrets at rest: sealed with the centre's key file, opened only where they are used. The key is never in the database."""

import os
import threading
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from wutong.kit.errors import Problem


class SealBroken(Problem):
    """A sealed text cannot be opened with this centre's key."""

    code = "seal_broken"
    status = 500
    message = "A stored secret cannot be opened with this centre's key. Set the secret again."


def ensure_key(path: Path) -> Path:
    """Create the key file (0600) if it is not there; two processes or threads at once end with one key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path


def seal(key_file: Path, text: str) -> str:
    """Return the text sealed under the key."""
    return Fernet(key_file.read_bytes()).encrypt(text.encode()).decode()


def unseal(key_file: Path, sealed: str) -> str:
    """Return the text under the seal, or raise `SealBroken`."""
    try:
        return Fernet(key_file.read_bytes()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken from None
