"""What the processes of a training learn of each other from their environment, as torch, torchrun, MindSpore and MPI programs read it.

Pure but for the search for a port, and light (see `local/processes`): the Slurm engine's runner says it too, on nodes whose Python may be 3.9.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_PORT = 20_000
PORTS = 10_000


class Layout:
    """Where a run's processes are: the addresses of its nodes, which of these this one is, and what is started on each.

    `port` is one on the first node that is free for the processes to meet at; `hostfile` is where they find the list of nodes.
    """

    __slots__ = ("hostfile", "launch", "name", "node", "nodes", "port", "processes")

    def __init__(self, nodes: Sequence[str], *, node: int, processes: int, launch: str, port: int, name: str, hostfile: str) -> None:
        self.nodes = list(nodes)
        self.node = node
        self.processes = processes
        self.launch = launch
        self.port = port
        self.name = name
        self.hostfile = hostfile

    @property
    def here(self) -> int:
        """How often the command is started on this node, where it is started at all."""
        return self.processes if self.launch == "rank" else 1

    @property
    def first(self) -> int:
        """The number of this node's first rank."""
        return self.node * self.here


def is_told(launch: str, *, nodes: int, processes: int) -> bool:
    """Tell whether a run has anything to be told: programs take such variables for a sign that others take part, so a plain run has none."""
    return launch != "once" or nodes > 1 or processes > 1


def variables(layout: Layout) -> dict[str, str]:
    """Return what all processes on a node are told."""
    nodes = 1 if layout.launch == "once" else len(layout.nodes)  # who is alone must not wait for others
    master, port = layout.nodes[0], str(layout.port)
    return {
        "MASTER_ADDR": master,
        "MASTER_PORT": port,
        "PET_NNODES": str(nodes),
        "PET_NODE_RANK": str(layout.node),
        "PET_NPROC_PER_NODE": str(layout.processes),
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": f"{master}:{port}",
        "PET_RDZV_ID": layout.name,
        "WUTONG_NODES": str(nodes),
        "WUTONG_NODE_RANK": str(layout.node),
        "WUTONG_PROCESSES": str(layout.processes),
        "WUTONG_WORLD_SIZE": str(nodes * layout.processes),
        "WUTONG_MASTER_ADDR": master,
        "WUTONG_MASTER_PORT": port,
        "WUTONG_HOSTFILE": layout.hostfile,
    }


def own_variables(layout: Layout, local: int, devices: Mapping[str, str]) -> dict[str, str]:
    """Return what one of a node's processes is told. `devices` holds the node's visible accelerators by the name of the variable that lists them."""
    if layout.launch == "once":
        return {}
    rank, here = layout.first + local, layout.here
    world, local_rank = str(len(layout.nodes) * here), str(local)
    told = {"RANK": str(rank), "LOCAL_RANK": local_rank, "NODE_RANK": str(layout.node), "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": str(here)}
    if layout.launch != "rank":
        return told  # the command has a launcher of its own, which tells the rest
    told.update({"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": world, "PMI_RANK": str(rank), "PMI_SIZE": world})
    told.update({"OMPI_COMM_WORLD_LOCAL_RANK": local_rank, "OMPI_COMM_WORLD_LOCAL_SIZE": str(here)})
    told.update({"MS_WORKER_NUM": world, "MS_NODE_ID": str(rank), "MS_ROLE": "MS_WORKER"})
    told.update({"MS_SCHED_HOST": layout.nodes[0], "MS_SCHED_PORT": str(layout.port)})
    for name, value in devices.items():
        told[name] = ",".join(share([part for part in value.split(",") if part], local, here))
    return told


def share(devices: Sequence[str], local: int, processes: int) -> list[str]:
    """Return a process's part of a node's devices; all of them where they do not divide."""
    each, rest = divmod(len(devices), processes)
    return list(devices) if rest or not each else list(devices[local * each : (local + 1) * each])


def hostfile(layout: Layout) -> str:
    """Return the list of nodes as mpirun and its kind read it."""
    return "".join(f"{node} slots={layout.processes}\n" for node in layout.nodes)


def port_of(number: int) -> int:
    """Return where to begin to look for a run's port, so that two runs on one node hardly ever meet."""
    return FIRST_PORT + number % PORTS


def free_port(number: int) -> int:
    """Return a port of this machine that nobody listens at now."""
    import _socket

    for offset in range(PORTS):
        port = port_of(number + offset)
        try:
            trial = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            try:
                trial.bind(("", port))
            finally:
                trial.close()
        except OSError:
            continue
        return port
    return port_of(number)
