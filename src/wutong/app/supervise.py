"""Keeps a centre up on one machine: the embedded database, the local agent, the worker and the API; whatever dies is started again.

The worker and the API are children and die with us. The database and the agent outlive us and are adopted by the next supervisor, so that our
own death is no more than a pause. Only the standard library is imported here, because this process lives as long as the centre.
"""

import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from wutong.app.children import Child, say, write
from wutong.app.plan import Plan, read_plan
from wutong.centre.engines.local.client import LocalEngine
from wutong.kit.errors import Problem
from wutong.kit.postgres import EmbeddedPostgres

TICK_SECONDS = 1.0
STOP_SECONDS = 12.0
BIND_SECONDS = 5.0


class AlreadyServed(Problem):
    """Another supervisor keeps this home."""

    code = "already_served"
    status = 409
    message = "A centre already runs in {home} (process {pid}). Stop it with `wutong stop`, or set WUTONG_HOME to another folder."


class AddressTaken(Problem):
    """The API's address cannot be listened on."""

    code = "address_taken"
    status = 409
    message = "The API cannot listen on {host}:{port} ({why}). Set WUTONG_PORT to a free port, or to 0 to take any."


class Supervisor:
    """One centre on one machine. `run` returns when it was told to stop."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = Path(plan.home)
        self.postgres = None if plan.database_url else embedded(plan)
        self._stopping = False
        self._ready = False
        self._started = time.monotonic()
        self._database_troubled = False
        self._agent_pid: int | None = None
        self._socket = _listen(plan)
        self._agent = Child("agent", (sys.executable, "-m", "wutong.centre.engines.local.agent", *plan.agent), log=plan.run_folder / "agent.log")
        self._children = self._make_children()

    def run(self) -> int:
        """Keep everything up until SIGTERM or SIGINT, then stop the worker and the API in good order."""
        wake = self._hear_signals()
        host, port = self._socket.getsockname()[:2]
        url = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
        write(self.plan.run_folder / "endpoint.json", json.dumps({"url": url, "pid": os.getpid()}))
        while not self._stopping:
            for child in self._children:
                child.keep()
            self._keep_database()
            self._keep_agent()
            self._tell_when_ready(url)
            _sleep_until_signal(wake, TICK_SECONDS if self._ready else 0.1)
        self._stop()
        return 0

    def _make_children(self) -> list[Child]:
        here = str(os.getpid())
        base = (sys.executable, "-m", "wutong.app")
        environment = {
            "WUTONG_HOME": self.plan.home,
            "MALLOC_ARENA_MAX": "2",
            "WUTONG_DATABASE_URL": self.plan.database_url or (self.postgres.url if self.postgres else ""),
        }
        pids = self.plan.run_folder
        worker = Child("worker", (*base, "worker", "--parent", here), environment=environment, pid_file=pids / "worker.pid")
        handle = self._socket.fileno()
        serve = (*base, "api", "--parent", here, "--fd", str(handle))
        apis = [
            Child(f"api-{n}", serve, environment=environment, pid_file=pids / f"api-{n}.pid", pass_fds=(handle,))
            for n in range(self.plan.api_processes)
        ]
        return [worker, *apis]

    def _keep_database(self) -> None:
        if self.postgres is None or (self.postgres.is_alive() and not self._database_troubled):
            return
        try:
            self.postgres.start()
            say("database runs", "restarted" if self._ready else "started or adopted")
            self._database_troubled = False
        except (Problem, OSError) as problem:
            if not self._database_troubled:
                say("database does not start, will try again", str(problem))
            self._database_troubled = True

    def _keep_agent(self) -> None:
        """Start the agent where none answers. One that outlived an earlier supervisor is not our child, and is found by its socket."""
        pid = _peer(self.home / "agent" / "agent.sock")
        if pid is None and not self._agent.is_running():
            self._agent.keep()
        elif pid is not None and pid != self._agent_pid:
            self._agent_pid = pid
            write(self.plan.run_folder / "agent.pid", str(pid))
        self._agent.reap()

    def _tell_when_ready(self, url: str) -> None:
        if not self._ready and _is_healthy(self._socket.getsockname()[:2]):
            self._ready = True
            say("ready", f"{url} after {time.monotonic() - self._started:.1f} s")

    def _hear_signals(self) -> int:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the number and the frame say nothing to us
            self._stopping = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # noqa: ARG005 it only has to end the sleep
        return reader

    def _stop(self) -> None:
        say("stopping", "")
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.end_by(deadline)
        if self.plan.stop_all:
            stop_engine(self.plan)
        with suppress(FileNotFoundError):
            (self.plan.run_folder / "endpoint.json").unlink()
        say("stopped", "")


def embedded(plan: Plan) -> EmbeddedPostgres:
    """Return the embedded server of a plan's home."""
    return EmbeddedPostgres(Path(plan.home) / "postgres", max_connections=max(100, plan.database_connections))


def stop_centre(plan: Plan, *, engine_too: bool = True, jobs_too: bool = False) -> int:
    """Stop the supervisor of a home, if one runs, and then the agent and the embedded database; jobs run on unless they are to end as well."""
    pid = _supervisor_pid(plan)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS + 10
        while _supervisor_pid(plan) == pid:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    if jobs_too:
        with closing(LocalEngine(Path(plan.home) / "agent")) as engine:
            engine.stop(kill_runs=True)
    if engine_too:
        stop_engine(plan)
    return 0


def stop_engine(plan: Plan) -> None:
    """Stop the agent (its runs go on under their keepers) and the embedded database."""
    path = Path(plan.home) / "agent" / "agent.sock"
    pid = _peer(path)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _peer(path) == pid and time.monotonic() < deadline:
            time.sleep(0.05)
    (plan.run_folder / "agent.pid").unlink(missing_ok=True)
    if plan.database_url is None:
        embedded(plan).stop()


def main(handle: int) -> int:
    """Supervise the plan found in an inherited file."""
    plan = read_plan(handle)
    plan.run_folder.mkdir(exist_ok=True, mode=0o700)
    with (plan.run_folder / "supervisor.pid").open("a+") as lock:
        if not _lock(lock):
            lock.seek(0)
            raise AlreadyServed(home=plan.home, pid=lock.read().strip())
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            return Supervisor(plan).run()
        finally:
            lock.truncate(0)


def _lock(file: TextIO, patience_s: float = 1.0) -> bool:
    """Lock the pid file; `wutong stop` and a predecessor that was just killed may hold it for a moment more."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _supervisor_pid(plan: Plan) -> int | None:
    """Return the pid of who holds the lock; what the file says counts only while it is held."""
    while True:
        try:
            with (plan.run_folder / "supervisor.pid").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            if (said := (plan.run_folder / "supervisor.pid").read_text()).isdigit():
                return int(said)
            time.sleep(0.01)  # one that begins or ends holds the lock for a moment without a word


def _listen(plan: Plan) -> socket.socket:
    """Listen before anything else runs: callers wait while the API starts or starts again, instead of being refused."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    deadline = time.monotonic() + BIND_SECONDS
    wanted = [plan.port] if plan.port else [_last_port(plan), 0]
    while True:
        for port in wanted:
            try:
                return socket.create_server((plan.host, port), family=family, backlog=1024)
            except OSError as error:
                why = error.strerror
        if time.monotonic() > deadline:
            raise AddressTaken(host=plan.host, port=plan.port, why=why)
        time.sleep(0.1)


def _last_port(plan: Plan) -> int:
    try:
        known = json.loads((plan.run_folder / "endpoint.json").read_text())
        return int(known["url"].rsplit(":", 1)[1])
    except (OSError, ValueError, KeyError, IndexError):
        return 0


def _peer(path: Path) -> int | None:
    """Return the pid of the process that listens at a socket, None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return None
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder)


def _is_healthy(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=0.5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def _sleep_until_signal(wake: int, seconds: float) -> None:
    if select.select([wake], [], [], seconds)[0]:
        os.read(wake, 4096)


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1])))
    except Problem as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
