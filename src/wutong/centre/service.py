"""What other rooms and doors may call, gathered from the nouns of this room, and the size and load of the centre."""

from sqlalchemy.orm import Session

from wutong.centre.catalogue.operate import set_flavour_enabled, set_node_state, set_pool_state
from wutong.centre.catalogue.rules import Capacity, NodeState, PoolCapacity
from wutong.centre.catalogue.service import (
    add_pool,
    check_possible,
    get_accelerator,
    get_flavour,
    get_pool,
    list_accelerators,
    list_faults,
    list_flavours,
    list_node_events,
    list_nodes,
    list_pools,
    seed_cards,
    seed_local,
)
from wutong.centre.comparison.comparer import Comparer
from wutong.centre.comparison.service import Alarm, comparison_alarm, list_comparisons, list_differences
from wutong.centre.forecast.planning import plan_log, plan_pool
from wutong.centre.forecast.replaying import replay_apart
from wutong.centre.forecast.service import expected_wait, expected_waits, forecast_accuracy, forecast_accuracy_in, forecast_of
from wutong.centre.foreign.service import foreign_after, list_foreign
from wutong.centre.maintenance.service import announce, cancel_window, list_all_maintenance, list_maintenance, maintenance_advice
from wutong.centre.registry import Engines
from wutong.centre.runs import store as runs_store
from wutong.centre.runs.service import (
    cards_by_node,
    find_capabilities,
    find_run,
    forget_run,
    forget_runs,
    get_run,
    get_spec,
    list_run_events,
    list_runs,
    list_waiting,
    look_at_queue,
    lost_contact,
    read_log,
    request_run,
    request_signal,
    request_stop,
    run_events_after,
)
from wutong.centre.usage.service import check_meter, list_run_usage, usage_after, usage_totals
from wutong.centre.utilisation.service import heat, load, pool_tenants, used_by_tenant, utilisation, waiting_by_pool


def capacity(session: Session) -> Capacity:
    """Return size and load by pool and together; 1 PFLOPS is 1,000 TFLOPS of FP16."""
    tflops = {kind.name: kind.fp16_tflops for kind in list_accelerators(session)}
    busy = runs_store.cards_running(session)
    nodes = [node for node in list_nodes(session) if node.state != NodeState.DOWN]
    pools = []
    for pool in list_pools(session):
        own = [node for node in nodes if node.pool == pool.name]
        cards, each = sum(node.cards for node in own), tflops[pool.accelerator] / 1000
        used = busy.get(pool.name, 0)
        pools.append(PoolCapacity(pool.name, pool.accelerator, len(own), cards, used, cards * each, used * each))
    sums = (sum(each.cards for each in pools), sum(each.busy_cards for each in pools))
    return Capacity(tuple(pools), *sums, sum(each.pflops for each in pools), sum(each.busy_pflops for each in pools))


def free_cards(session: Session) -> dict[str, tuple[int, int]]:
    """Return how many cards of each pool no run holds now, and how many there are."""
    busy, cards = runs_store.cards_running(session), dict[str, int]()
    for node in list_nodes(session):
        if node.state != NodeState.DOWN:
            cards[node.pool] = cards.get(node.pool, 0) + node.cards
    return {pool: (max(count - busy.get(pool, 0), 0), count) for pool, count in cards.items()}


__all__ = [
    "Alarm",
    "Comparer",
    "Engines",
    "add_pool",
    "announce",
    "cancel_window",
    "capacity",
    "cards_by_node",
    "check_meter",
    "check_possible",
    "comparison_alarm",
    "expected_wait",
    "expected_waits",
    "find_capabilities",
    "find_run",
    "forecast_accuracy",
    "forecast_accuracy_in",
    "forecast_of",
    "foreign_after",
    "forget_run",
    "forget_runs",
    "free_cards",
    "get_accelerator",
    "get_flavour",
    "get_pool",
    "get_run",
    "get_spec",
    "heat",
    "list_accelerators",
    "list_all_maintenance",
    "list_comparisons",
    "list_differences",
    "list_faults",
    "list_flavours",
    "list_foreign",
    "list_maintenance",
    "list_node_events",
    "list_nodes",
    "list_pools",
    "list_run_events",
    "list_run_usage",
    "list_runs",
    "list_waiting",
    "load",
    "look_at_queue",
    "lost_contact",
    "maintenance_advice",
    "plan_log",
    "plan_pool",
    "pool_tenants",
    "read_log",
    "replay_apart",
    "request_run",
    "request_signal",
    "request_stop",
    "run_events_after",
    "seed_cards",
    "seed_local",
    "set_flavour_enabled",
    "set_node_state",
    "set_pool_state",
    "usage_after",
    "usage_totals",
    "used_by_tenant",
    "utilisation",
    "waiting_by_pool",
]
