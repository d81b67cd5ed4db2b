"""Reads what Slurm's accounting says a start held: accelerators, processors, seconds. Pure."""

from wutong.centre.engines.operations import Accounted
from wutong.centre.engines.slurm.rules import Past

_CARDS = "gres/gpu"


def accounted(past: Past, *, ours: bool) -> Accounted | None:
    """Return one start; None for a job that has not begun."""
    if past.started is None:
        return None
    held = trackable(past.trackable)
    kinds = [name.partition(":")[2] for name in held if name.startswith(f"{_CARDS}:")]
    return Accounted(
        name=past.name,
        job=past.id,
        ours=ours,
        user=past.user,
        account=past.account,
        partition=past.partition,
        state=past.state,
        started=past.started,
        ended=past.ended,
        cards=held.get(_CARDS),
        cpus=held.get("cpu", 0),
        accelerator=kinds[0] if len(kinds) == 1 else "",
        node=past.node,
    )


def trackable(text: str) -> dict[str, int]:
    """Read `billing=4,cpu=4,gres/gpu:ascend910b=2,gres/gpu=2,mem=100M,node=1`: what is counted in whole numbers."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name: int(count) for name, _, count in pairs if count.isdigit()}


def overlaps(each: Accounted, since: int, until: int) -> bool:
    """Tell whether a start ran at any time of a span; one that took no time counts at its moment."""
    return each.started < until and (each.ended is None or each.ended > since or each.started == each.ended >= since)
