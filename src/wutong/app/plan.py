"""What the supervisor must know, worked out from the settings by a process that then becomes the supervisor.

Settings need pydantic; a supervisor that lives for months needs not. So the settings are read, the plan is written to an anonymous file,
and the process replaces itself by a fresh interpreter that reads it: the same pid, a third of the memory.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wutong.kit.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """A centre to keep up. `agent` is the argument list of the local engine's agent; `database_url` None asks for the embedded server."""

    home: str
    database_url: str | None
    database_connections: int
    host: str
    port: int
    api_processes: int
    agent: tuple[str, ...]
    stop_all: bool = False

    @property
    def run_folder(self) -> Path:
        """Folder of pid files, the lock and the endpoint."""
        return Path(self.home) / "run"


def make_plan(settings: "Settings", *, stop_all: bool = False) -> Plan:
    """Work out the plan, and make the home folder when there is none."""
    home = settings.home.expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    slots, cpus, memory_mb = local_size(settings)
    agent = ("--home", str(home / "agent"), "--slots", str(slots), "--cpus", str(cpus), "--memory-mb", str(memory_mb))
    return Plan(
        home=str(home),
        database_url=settings.database_url.get_secret_value() if settings.database_url else None,
        database_connections=settings.api_processes * settings.database_pool * 2 + settings.database_pool * 2 + 20,
        host=settings.host,
        port=settings.port,
        api_processes=settings.api_processes,
        agent=(*agent, "--accelerator", settings.accelerator, "--sandbox", settings.sandbox, "--key-file", str(home / "secret.key")),
        stop_all=stop_all,
    )


def become_supervisor(plan: Plan) -> int:
    """Replace this process by a light one that supervises; never returns."""
    handle = os.memfd_create("wutong-plan", 0)
    os.write(handle, json.dumps(asdict(plan)).encode())
    os.lseek(handle, 0, os.SEEK_SET)
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "wutong.app.supervise", str(handle)])  # noqa: S606 our own interpreter


def read_plan(handle: int) -> Plan:
    """Read the plan left in an inherited file, and close it."""
    with os.fdopen(handle) as file:
        values = json.load(file)
    return Plan(**{**values, "agent": tuple(values["agent"])})


def local_size(settings: "Settings") -> tuple[int, int, int]:
    """Return the slots, processors and MiB of memory the local engine offers."""
    processors = len(os.sched_getaffinity(0))
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return settings.slots or max(4, processors), processors, settings.memory_mb or memory_mb * 3 // 4
