"""Makes the folder of an environment with uv: a relocatable virtual environment holding exactly what a lock says. No database here.

Only wheels are taken, so nothing of a package runs while it is installed. The base interpreter is the control plane's own, or the system's of the
same version where tenants' UNIX users could not reach the own one.
"""

import configparser
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

MARKER = "wutong-environment.json"
TIME_LIMIT_S = 3600
TAIL = 4000


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment's folder, whole, and what uv said."""

    path: Path
    size_bytes: int
    log_tail: str


class InstallFailed(Exception):
    """uv could not make the environment; `log_tail` is what it said last."""

    def __init__(self, log_tail: str) -> None:
        self.log_tail = log_tail
        super().__init__(log_tail[-300:])


class InstallBusy(Exception):
    """Another process is making this environment, or one that was killed left its installer running."""


def folder_name(name: str, digest: str) -> str:
    """Return the folder of a version: the same name and lock share one, whoever registered them."""
    return f"{name}-{digest[:16]}"


def install(root: Path, *, name: str, digest: str, lock: str, hashed: bool, find_links: Sequence[str] = ()) -> Installed:
    """Make the environment unless it is there whole; one process at a time does it. Safe to kill anywhere: the folder appears by a rename.

    `hashed`: refuse anything in the lock that has no hash. Raises `InstallFailed`, `InstallBusy`.
    """
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    target = root / folder_name(name, digest)
    with _lock(root / f".{target.name}.lock") as handle:
        if not (target / MARKER).is_file():
            draft = root / f"{target.name}.tmp"
            for stale in (draft, target):
                _remove(stale)
            log = _fill(draft, lock, hashed=hashed, find_links=find_links, keep_open=handle)
            _publish(draft, target, {"name": name, "digest": digest, "log": log[-TAIL:]})
        about = json.loads((target / MARKER).read_text())
    return Installed(target, _size(target), str(about.get("log", "")))


def find_links_of(setting: str | None, environment: Mapping[str, str]) -> list[str]:
    """Return where wheels may be found besides the index: our setting, else what pip on this machine is told (uv does not read pip's files)."""
    if setting:
        return setting.split()
    if environment.get("PIP_FIND_LINKS"):
        return environment["PIP_FIND_LINKS"].split()
    config = configparser.ConfigParser(interpolation=None)
    home = Path.home()
    places: list[str | Path] = [
        "/etc/pip.conf",
        home / ".pip" / "pip.conf",
        home / ".config" / "pip" / "pip.conf",
        environment.get("PIP_CONFIG_FILE", ""),
    ]
    with contextlib.suppress(configparser.Error, OSError):
        config.read(places)
    found = (config.get(section, "find-links", fallback="") for section in ("install", "global"))
    return next((text.split() for text in found if text.strip()), [])


def base_python() -> str:
    """Return the interpreter environments are made from: the one under our own, or the system's of the same version where others cannot reach it."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    plain = Path(sys.base_prefix) / "bin" / name
    own = plain if plain.is_file() else Path(sys.executable)
    return str(next((path for path in (own, Path("/usr/local/bin", name), Path("/usr/bin", name)) if is_for_all(path)), own))


def is_for_all(program: Path) -> bool:
    """Tell whether every user of this machine can run a program."""
    try:
        real = program.resolve(strict=True)
        return bool(real.stat().st_mode & 0o001) and all(folder.stat().st_mode & 0o001 for folder in real.parents)
    except OSError:
        return False


def scrub(text: str) -> str:
    """Take credentials out of addresses."""
    return re.sub(r"(\w+://)[^\s/@]+@", r"\1", text)


def _fill(draft: Path, lock: str, *, hashed: bool, find_links: Sequence[str], keep_open: int) -> str:
    log = _run(["venv", "--relocatable", "--no-project", "--python", base_python(), str(draft)], keep_open)
    requirements = draft / "requirements.lock"
    requirements.write_text(lock)
    words = ["pip", "sync", "--python", str(draft / "bin" / "python"), "--only-binary", ":all:", "--link-mode", "copy", "--compile-bytecode"]
    words += ["--allow-empty-requirements", *(["--require-hashes"] if hashed else [])]
    words += [word for place in find_links for word in ("--find-links", place)]
    return log + _run([*words, str(requirements)], keep_open)


def _run(words: Sequence[str], keep_open: int) -> str:
    """Run uv. It inherits the lock, so that a new builder waits for an installer whose own builder was killed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WUTONG_", "VIRTUAL_ENV", "PG"))}
    environment |= {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            [uv.find_uv_bin(), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIME_LIMIT_S,
            check=False,
            pass_fds=[keep_open],
            umask=0o022,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"It was not made within {TIME_LIMIT_S} seconds.") from error
    said = scrub(done.stdout.decode(errors="replace"))
    if done.returncode != 0:
        raise InstallFailed(said[-TAIL:] or f"uv ended with {done.returncode}.")
    return said


def _publish(draft: Path, target: Path, about: Mapping[str, str]) -> None:
    marker = draft / MARKER
    with marker.open("w") as file:
        json.dump(about, file)
        file.flush()
        os.fsync(file.fileno())
    os.sync()
    draft.rename(target)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallBusy from None
        yield handle
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _size(folder: Path) -> int:
    return sum((Path(path) / name).lstat().st_size for path, _, names in os.walk(folder) for name in names)
