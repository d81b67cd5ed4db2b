"""Accelerator kinds that clusters are found to have, with their makers' figures, and the pools and flavours made for what was found. Pure."""

import re
from collections.abc import Mapping, Sequence

from wutong.centre.catalogue.rules import Accelerator, Device, Flavour, Pool, PoolState, Service
from wutong.centre.engines.protocol import Machine

DEFAULT_LIMIT_S = 7 * 24 * 3600
CPU_KIND = "cpu-core"
"""What a node without accelerators is counted and billed in."""

# Peak dense FP16 on tensor units by the makers' data sheets, and the memory of one card.
_KNOWN = (
    Accelerator("ascend910", "Huawei", 256, 32, Device.NPU),
    Accelerator("ascend910b", "Huawei", 313, 64, Device.NPU),
    Accelerator("v100", "NVIDIA", 125, 32, Device.GPU),
    Accelerator("a100", "NVIDIA", 312, 80, Device.GPU),
    Accelerator("h100", "NVIDIA", 989, 80, Device.GPU),
    Accelerator("h200", "NVIDIA", 989, 141, Device.GPU),
    Accelerator("l40s", "NVIDIA", 362, 48, Device.GPU),
    Accelerator(CPU_KIND, "generic", 0.05, 0, Device.CPU),
)
_SLICE, _SLICES = re.compile(r"([a-z0-9]+)_([1-7])g\.(\d{1,3})gb"), 7
KNOWN: Mapping[str, Accelerator] = {kind.name: kind for kind in _KNOWN}


def accelerator_of(name: str) -> Accelerator:
    """Return the kind as its maker describes it; of an unknown one nothing is promised until an operator says it."""
    kind = name or CPU_KIND
    return KNOWN.get(kind) or _slice_of(kind) or Accelerator(kind, "unknown", 0, 0, Device.GPU)


def _slice_of(kind: str) -> Accelerator | None:
    """Return what a part of a card is, by the names of NVIDIA's multi-instance profiles: `a100_3g.40gb` has three of the card's seven parts."""
    match = _SLICE.fullmatch(kind)
    card = KNOWN.get(match[1]) if match else None
    if match is None or card is None:
        return None
    return Accelerator(kind, card.vendor, round(card.fp16_tflops * int(match[2]) / _SLICES, 1), int(match[3]), card.device)


def cards_of(machine: Machine) -> int:
    """Return how many cards a machine counts for: its accelerators, or its processors where it has none."""
    return machine.cards if machine.accelerator else machine.cpus


def pool_name(machine: Machine) -> str:
    """Return the name of the pool that a machine belongs to."""
    return f"{machine.partition}-{machine.accelerator or 'cpu'}"


def pool_of(engine: str, machines: Sequence[Machine]) -> Pool:
    """Return the pool of machines of one partition and kind."""
    first = machines[0]
    kind = accelerator_of(first.accelerator)
    words = f"{kind.name} nodes of partition {first.partition}" if first.accelerator else f"CPU nodes of partition {first.partition}"
    limit = min((each.max_time_limit_s for each in machines if each.max_time_limit_s), default=DEFAULT_LIMIT_S)
    return Pool(pool_name(first), engine, kind.name, words, PoolState.OPEN, limit, first.partition)


def flavours_of(pool: Pool, machines: Sequence[Machine], taken: Sequence[str] = ()) -> list[Flavour]:
    """Return what a new pool offers: 1, 2, 4 … cards of a node with their share of it, at each class of service.

    Only the normal class is offered at once; an operator enables and prices the others.
    """
    node = min(machines, key=cards_of)
    cards = cards_of(node)
    sizes = [1 << power for power in range(cards.bit_length())] if cards else []
    prefix = accelerator_of(node.accelerator).name
    if f"{prefix}.1" in taken:
        prefix = pool.name
    return [_flavour(pool, node, prefix, size, cards, service) for service in Service for size in sizes]


def _flavour(pool: Pool, node: Machine, prefix: str, size: int, cards: int, service: Service) -> Flavour:
    cpus, memory_mb = max(node.cpus * size // cards, 1), max(node.memory_mb * size // cards, 64)
    plain = service is Service.NORMAL
    what = f"{size} x {pool.accelerator}, {cpus} CPUs, {memory_mb / 1024:.0f} GiB memory"
    return Flavour(
        name=f"{prefix}.{size}" if plain else f"{prefix}.{size}.{service.value}",
        pool=pool.name,
        engine=pool.engine,
        accelerator=pool.accelerator,
        cards=size,
        cpus=cpus,
        memory_mb=memory_mb,
        description=what if plain else f"{what}; {_WORDS[service]}",
        enabled=plain,
        service=service,
        partition=pool.partition,
    )


_WORDS = {
    Service.URGENT: "urgent: starts first, others may have to give way",
    Service.IDLE: "idle time: gives way to others and goes on from its checkpoint",
    Service.INTERACTIVE: "interactive: short, starts soon",
}
