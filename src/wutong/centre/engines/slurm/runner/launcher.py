"""What is started on a node for one start of a run: the command with its variables, in the start's own folders, once or once for each rank. Light."""
# ruff: noqa: PTH118, PTH123 - pathlib is not light

from __future__ import annotations

import os

from wutong.centre.engines.devices import expand
from wutong.centre.engines.local import processes
from wutong.centre.engines.local.spawn import CannotStart, Start, spawn
from wutong.centre.engines.slurm.runner import devices, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wutong.centre.engines.local.fan import Fan
    from wutong.centre.engines.local.logs import LogWriter
    from wutong.centre.engines.ranks import Layout
    from wutong.centre.engines.slurm.runner.plan import Plan

_TMP = f"{plan.START}/tmp"  # noqa: S108 - the job's own
HOSTFILE = "wutong-hosts"


class Launcher:
    """Starts the plan's command on this node, the `node`-th of the run; `home` is the start's folder, `number` the start's."""

    def __init__(self, wanted: Plan, *, told: str, home: str, number: int, node: int = 0) -> None:
        self.plan = wanted
        self.told = told
        self.home = home
        self.number = number
        self.node = node
        self.tmp = tmp_of(home, node)
        self.confined = bool(wanted.number("confined"))
        self.devices = devices.numbers(os.environ, wanted.number("slots"))

    def layout(self, nodes: list[str], port: int) -> Layout:
        """Return where the run's processes are."""
        from wutong.centre.engines.ranks import Layout

        hosts = f"/tmp/{HOSTFILE}" if self.confined else os.path.join(self.tmp, HOSTFILE)  # noqa: S108 - the job's own
        processes, launch, name = self.plan.number("processes"), self.plan.text("launch"), self.plan.text("name")
        return Layout(nodes, node=self.node, processes=processes, launch=launch, port=port, name=name, hostfile=hosts)

    def spawn(self, layout: Layout | None, output: int, log: LogWriter, logs: str) -> tuple[int, Fan | None]:
        """Start the command with its output on a descriptor; `layout` is None for a plain run. Raises CannotStart, OSError."""
        variables, fan = self._variables(), None
        if layout is not None:
            from wutong.centre.engines import ranks

            with open(os.path.join(self.tmp, HOSTFILE), "w") as file:
                file.write(ranks.hostfile(layout))
            visible = {name: variables[name] for name in self.plan.words("visible")}
            own = [ranks.own_variables(layout, local, visible) for local in range(layout.here)]
            variables.update(ranks.variables(layout))
            if layout.here > 1:
                fan = self._fan(layout, own, log, logs)
                variables.update(fan.variables)
            else:
                variables.update(own[0])
        try:
            return spawn(self._what(variables), output, bind_to_parent=None if self.confined else _keep_all(), for_good=True), fan
        finally:
            if fan is not None:
                fan.started()

    def _fan(self, layout: Layout, own: list[dict[str, str]], log: LogWriter, logs: str) -> Fan:
        from wutong.centre.engines.local.fan import Fan, log_limit

        limit = log_limit(self.plan.number("log_limit_bytes"), len(layout.nodes) * layout.here)
        return Fan(layout.first, own, log, logs=logs, limit_bytes=limit)

    def _what(self, variables: dict[str, str]) -> Start:
        argv = [self._here(word) for word in self.plan.words("argv")]
        if self.confined and not os.access(argv[0], os.X_OK):
            raise CannotStart(f"This node cannot confine jobs: {argv[0]} is not there. It is the centre's fault, not the run's.")
        inputs = [word.encode() for word in self.plan.words("input")]
        for path in self.plan.words("input_file"):
            with open(path, "rb") as file:
                inputs.append(file.read())
        options = expand(self.plan.words("option"), self.devices)
        if options:
            inputs.append(b"".join(self._here(option).encode("utf-8", "surrogateescape") + b"\0" for option in options))
        folder = "/" if self.confined else os.path.join(self.home, "work")
        disk_limit_mb = self.plan.number("disk_limit_mb")
        return Start(argv, variables, command=self.plan.text("command"), folder=folder, disk_limit_mb=disk_limit_mb, inputs=inputs)

    def _variables(self) -> dict[str, str]:
        words = [*self.plan.words("variable"), *self._secrets()]
        pairs = (word.partition("=") for word in words)
        variables = {key: self._here(value) for key, _, value in pairs}
        seen = devices.seen_as(self.plan.words("option"), self.devices) if self.confined else self.devices
        shown = ",".join(map(str, seen))
        # Where Slurm numbers a job's devices anew, because it shows it no others, its own word counts; the sandbox does the same.
        variables.update({key: (seen == self.devices and os.environ.get(key)) or shown for key in self.plan.words("visible")})
        variables["WUTONG_RESTART"] = str(self.number)
        variables["WUTONG_RUN_MARKER"] = f"{self.plan.text('name')}/{self.number}"
        variables["WUTONG_JOB_ID"] = os.environ.get("SLURM_JOB_ID", "")
        return variables

    def _secrets(self) -> list[str]:
        if not self.plan.number("secrets"):
            return []
        try:
            with open(os.path.join(self.told, "secrets"), "rb") as file:
                return plan.read(file.read()).words("variable")
        except OSError as error:
            raise CannotStart("The run's secrets are no longer there.") from error

    def _here(self, text: str) -> str:
        return text.replace(_TMP, self.tmp).replace(plan.START, self.home)


def tmp_of(home: str, node: int) -> str:
    """Return a node's own folder for the job's /tmp: where several nodes share the start's folder each has one."""
    return os.path.join(home, f"tmp-{node}" if node else "tmp")


def _keep_all() -> Callable[[], object]:
    """Without a sandbox: have what the job orphans come to us, and the job die with us."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    return lambda: prctl(1, processes.KILL, 0, 0, 0)  # PR_SET_PDEATHSIG
