"""The daemons of a lab: how each is started, and how one sees that it is ready. Nothing here starts anything."""

from dataclasses import dataclass
from pathlib import Path

from wutong.centre.engines.slurm.lab.spec import LabSpec

MUNGED, DATABASE, ACCOUNTING, CONTROLLER, REST = "munged", "mariadbd", "slurmdbd", "slurmctld", "slurmrestd"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sinfo", "squeue", "sbatch", "scancel", "scontrol")
ACCOUNTING_PROGRAMS = ("mariadbd", "mariadb", "mariadb-install-db", "slurmdbd", "sacctmgr", "sacct")
_REDO_LOG = "--innodb-log-file-size=8M"  # the default is 96 MB to write before anything works


@dataclass(frozen=True)
class Daemon:
    """One daemon, in the foreground. It is ready when it listens on `port`, or on `socket`."""

    which: str
    argv: tuple[str, ...]
    user: str | None = None
    port: int | None = None
    socket: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()


def slurmd(node: str) -> str:
    """Return the name of a node's daemon."""
    return f"slurmd:{node}"


def programs(spec: LabSpec) -> tuple[str, ...]:
    """List the programs that the lab calls."""
    return (*PROGRAMS, *(ACCOUNTING_PROGRAMS if spec.accounting else ()), *((REST,) if spec.rest else ()))


def daemons(spec: LabSpec) -> list[Daemon]:
    """List the daemons in the order in which they start; they stop the other way round."""
    found = [munged(spec)]
    if spec.accounting:
        found += [database(spec), accounting(spec)]
    found.append(controller(spec))
    found += [node_daemon(spec, node) for node in spec.node_names]
    return [*found, rest(spec)] if spec.rest else found


def munged(spec: LabSpec) -> Daemon:
    """Return the authentication daemon with a key and a socket of this lab."""
    folder = spec.munge_socket.parent
    argv = (
        "munged",
        "-F",
        f"--socket={spec.munge_socket}",
        f"--key-file={folder}/key",
        f"--pid-file={folder}/pid",
        f"--seed-file={folder}/seed",
        f"--log-file={folder}/log",
        "--num-threads=10",  # many submissions at once wait for it
    )
    return Daemon(MUNGED, argv, user="munge", socket=spec.munge_socket)


def database(spec: LabSpec) -> Daemon:
    """Return MariaDB. It keeps text as UTF-8, so that names and comments in Chinese come back as they went in."""
    folder = spec.database_socket.parent
    argv = (
        "mariadbd",
        "--no-defaults",
        f"--datadir={spec.database_files}",
        "--user=mysql",
        "--bind-address=127.0.0.1",
        f"--port={spec.database_port}",
        f"--socket={spec.database_socket}",
        f"--pid-file={folder}/pid",
        f"--tmpdir={folder}",
        _REDO_LOG,
        "--innodb-flush-log-at-trx-commit=2",  # what was answered survives a killed server, though not a killed machine
        "--innodb-flush-method=nosync",
        "--sync-frm=0",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        "--character-set-client-handshake=OFF",
    )
    return Daemon(DATABASE, argv, port=spec.database_port)


def install_database(files: Path) -> tuple[str, ...]:
    """Return the command that makes MariaDB's files, before its first start."""
    return (
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={files}",
        "--user=mysql",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        _REDO_LOG,
    )


def prepare_database(spec: LabSpec) -> tuple[tuple[str, ...], str]:
    """Return the client's command and the SQL that it reads: slurmdbd's database and user."""
    argv = ("mariadb", "--no-defaults", f"--socket={spec.database_socket}", "--user=root")
    return argv, "CREATE DATABASE acct; CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'slurm'; GRANT ALL ON acct.* TO slurm@127.0.0.1;"


def accounting(spec: LabSpec) -> Daemon:
    """Return slurmdbd; it finds its configuration beside $SLURM_CONF."""
    return Daemon(ACCOUNTING, ("slurmdbd", "-D"), port=spec.accounting_port)


def controller(spec: LabSpec) -> Daemon:
    """Return slurmctld, which takes up again what its state folder holds."""
    return Daemon(CONTROLLER, ("slurmctld", "-D", "-i", "-f", str(spec.slurm_conf)), port=spec.controller_port)


def node_daemon(spec: LabSpec, node: str) -> Daemon:
    """Return the slurmd of one node."""
    return Daemon(slurmd(node), ("slurmd", "-D", "-N", node, "-f", str(spec.slurm_conf)), port=spec.node_port(node))


def rest(spec: LabSpec) -> Daemon:
    """Return slurmrestd; it refuses to run as root or as Slurm's user, and to speak of accounting where there is none."""
    speaks = "openapi/v0.0.38,openapi/dbv0.0.38" if spec.accounting else "openapi/v0.0.38"
    argv = ("slurmrestd", "-f", str(spec.slurm_conf), "-a", "rest_auth/jwt", "-s", speaks, f"127.0.0.1:{spec.rest_port}")
    return Daemon(REST, argv, user="nobody", port=spec.rest_port, environment=(("SLURM_JWT", "daemon"),))
