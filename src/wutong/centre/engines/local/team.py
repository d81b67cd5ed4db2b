"""The ranks of a run on this one machine: what they are told, how they are started, and a log for each. Runs in the keeper."""

import sys
import zlib
from pathlib import Path

from wutong.centre.engines import ranks
from wutong.centre.engines.local import fan as fans
from wutong.centre.engines.local.fan import Fan
from wutong.centre.engines.local.job import Ticket, visible
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.ranks import Layout

_ALONE = "127.0.0.1"
_HOSTFILE = "wutong-hosts"


class Team:
    """What a start of a run adds to its environment and its command. `fan` is None where one process is all there is."""

    def __init__(self, ticket: Ticket, main: LogWriter) -> None:
        spec, inside = ticket.spec, ticket.sandbox.kind != "none"
        place = Path("/tmp") if inside else ticket.folder.scratch  # noqa: S108 - the job's own, on disk
        port = ranks.free_port(zlib.crc32(spec.name.encode()))
        layout = Layout(
            [_ALONE], node=0, processes=spec.processes, launch=spec.launch.value, port=port, name=spec.name, hostfile=str(place / _HOSTFILE)
        )
        (ticket.folder.scratch / _HOSTFILE).write_text(ranks.hostfile(layout))
        (ticket.folder.scratch / _HOSTFILE).chmod(0o644)
        own = [ranks.own_variables(layout, local, visible(ticket)) for local in range(layout.here)]
        self.fan: Fan | None = None
        self.variables = {**ranks.variables(layout), **own[0]}
        if layout.here > 1:
            limit = fans.log_limit(spec.log_limit_bytes, spec.ranks)
            self.fan = Fan(0, own, main, logs=str(ticket.folder.logs(ticket.restart)), limit_bytes=limit)
            self.variables = {**ranks.variables(layout), **self.fan.variables}

    @property
    def starter(self) -> tuple[str, ...]:
        """What goes before the command."""
        return fans.starter(_python()) if self.fan is not None else ()


def team_of(ticket: Ticket, main: LogWriter) -> Team | None:
    """Return the team of a run, None for a plain one."""
    spec = ticket.spec
    return Team(ticket, main) if ranks.is_told(spec.launch.value, nodes=spec.nodes, processes=spec.processes) else None


def _python() -> str:
    """Return the interpreter that the sandbox shows: the one under our own, whose virtual environment a job does not see."""
    plain = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    return str((plain if plain.exists() else Path(sys.executable)).resolve())
