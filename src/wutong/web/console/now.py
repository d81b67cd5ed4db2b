"""The centre this moment: cards in use, what runs and waits, what is not well, what waits for a person, what is announced."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.centre.rules import NodeState, PoolCapacity, Waiting
from wutong.compute.billing import service as billing
from wutong.compute.jobs import service as jobs
from wutong.compute.orders import service as orders
from wutong.desk.tickets import service as tickets
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.web.view import Pages, View

pages = Pages()
LONG_S, ODD_S = 3 * 86400, 3600

Reads = Annotated[View, needs(Permission.CENTRE_READ)]


@pages.get("/console")
def console_page(tx: Tx, view: Reads) -> Response:
    """Show how the centre is now."""
    return view.page("console/now.html", **_state(tx, view))


@pages.get("/console/now")
def console_now(tx: Tx, view: Reads) -> Response:
    """Render what changes again."""
    return view.page("console/now_part.html", **_state(tx, view))


@pages.get("/console/hands")
def console_hands(tx: Tx, view: Reads) -> Response:
    """Render what waits for a person: machines that are not up, queues that stand, payments for a second person, tickets without an answer."""
    unwell = centre.list_nodes(tx, unwell=True)
    unanswered, oldest_ticket = tickets.count_unanswered(tx, view.who) if view.may(Permission.CENTRE_HELP) else (0, None)
    return view.page(
        "console/hands.html",
        down=[node for node in unwell if node.state is NodeState.DOWN],
        draining=[node for node in unwell if node.state is NodeState.DRAINING],
        stuck=stuck(centre.capacity(tx).pools, centre.waiting_by_pool(tx)),
        payments=orders.count_open_proposals(tx, view.who) if view.may(Permission.CENTRE_BOOKS) else 0,
        tickets=unanswered,
        oldest_ticket=oldest_ticket,
    )


def _state(tx: Tx, view: View) -> dict[str, Any]:
    checks = view.context.health()
    return {
        "capacity": centre.capacity(tx),
        "states": jobs.count_all_states(tx, view.who),
        "waiting": centre.waiting_by_pool(tx),
        "checks": checks,
        "ill": [check for check in checks if not check.ok],
        "alarm": centre.comparison_alarm(tx),
        "aside": centre.check_meter(tx),
        "unrated": sum(billing.count_unrated(tx).values()),
        "windows": centre.list_maintenance(tx)[:3],
    }


def stuck(pools: Sequence[PoolCapacity], waiting: Mapping[str, Waiting]) -> list[tuple[PoolCapacity, Waiting]]:
    """Return the pools whose queue wants a look: jobs wait for an hour although half of the cards are free, or for three days at all. Pure."""
    found = []
    for pool in pools:
        queue = waiting.get(pool.pool)
        half_free = 2 * pool.busy_cards < pool.cards
        if queue is not None and (queue.oldest_s > LONG_S or (half_free and queue.oldest_s > ODD_S)):
            found.append((pool, queue))
    return found
