"""What a cluster is made of and what can never run on it, with the sentence that says what could. Pure."""

from collections.abc import Iterable, Sequence

from wutong.centre.engines.local import admission, sandbox
from wutong.centre.engines.protocol import Capabilities, RunSpec
from wutong.centre.engines.slurm.config import Placement, SlurmConfig
from wutong.centre.engines.slurm.parse import Node

_LOUD = "Jobs run without a sandbox: only UNIX users and file modes keep tenants apart. Have the adapter use bubblewrap, or serve one trusted tenant."
_SHARED = "All tenants share one UNIX user on this cluster."


def capabilities(config: SlurmConfig, nodes: Sequence[Node], *, shared_user: bool) -> Capabilities:
    """Return the sizes of all nodes together, those that are down included: they come back."""
    own = _each_once(nodes)
    confined = config.sandbox != "none"
    problems = ([] if confined else [_LOUD]) + ([_SHARED] if shared_user else [])
    return Capabilities(
        engine=config.name,
        version=f"slurm {own[0].version}" if own else "slurm",
        slots=sum(slots_of(node, config.gres) for node in own),
        cpus=sum(node.cpus for node in own),
        memory_mb=sum(node.memory_mb for node in own),
        nodes=len(own),
        isolated=confined,
        isolation=config.sandbox,
        requeues=True,
        problems=tuple(problems),
    )


def refusal(spec: RunSpec, placement: Placement, nodes: Sequence[Node]) -> str | None:
    """Say why a run can never start and what would be possible, or nothing."""
    return admission.malformed(spec) or sandbox.refusal(spec.mounts) or _too_large(spec, placement, nodes)


def slots_of(node: Node, gres: str | None) -> int:
    """Return how many accelerators of a kind a node has; without a kind all count."""
    kind = (gres or "").partition(":")[2]
    return node.accelerators.get(kind, 0) if kind else sum(node.accelerators.values())


def _too_large(spec: RunSpec, placement: Placement, nodes: Sequence[Node]) -> str | None:
    if spec.nodes < 1:
        return "A run takes at least one node."
    own = _each_once(node for node in nodes if placement.partition in {None, node.partition})
    if not own:
        return f"There are no nodes in the part {placement.partition} of the cluster."
    sizes = [(node.cpus if placement.gres == "" else slots_of(node, placement.gres), node.cpus, node.memory_mb) for node in own]
    fits = sum(slots >= spec.slots and cpus >= spec.cpus and memory >= spec.memory_mb for slots, cpus, memory in sizes)
    if fits >= spec.nodes:
        return None
    slots, cpus, memory = (max(size[place] for size in sizes) for place in range(3))
    asked = f"{spec.nodes} × ({spec.slots} accelerators, {spec.cpus} processors, {spec.memory_mb} MiB)"
    return f"It asks for {asked}; the cluster has {len(own)} nodes, the largest with {slots} accelerators, {cpus} processors and {memory} MiB."


def _each_once(nodes: Iterable[Node]) -> list[Node]:
    found: dict[str, Node] = {}
    for node in nodes:
        found.setdefault(node.name, node)
    return list(found.values())
