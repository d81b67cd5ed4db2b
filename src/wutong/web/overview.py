"""The first page after sign-in: what runs and waits, how long the money lasts, what was made lately, what to do next."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.budgets import service as budgets
from wutong.compute.jobs import browse
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import Job, JobState
from wutong.compute.spending import service as spending
from wutong.compute.spending.rules import runway_days
from wutong.desk.tickets import service as tickets
from wutong.desk.tickets.rules import TicketFilters, TicketState
from wutong.doorway.asking import Tx, needs
from wutong.hub import service as hub
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import Balance
from wutong.web.bill.usage import draw
from wutong.web.help import guide
from wutong.web.view import Pages, View

pages = Pages()
LATEST, SHOWN = 6, 8
FEW, MADE, DAYS = 3, 5, 30
ORDER = (JobState.RUNNING, JobState.FINISHING, JobState.QUEUED, JobState.WAITING)
NOT_DONE = TicketFilters(states=frozenset(TicketState) - {TicketState.CLOSED})


@pages.get("/overview")
def overview_page(tx: Tx, view: Annotated[View, needs()]) -> Response:
    """Show the organisation's state; people without one choose what to do."""
    tenant_id = view.who.tenant_id
    if tenant_id is None:
        return (
            view.go("/console")
            if view.may(Permission.CENTRE_READ)
            else view.page("overview/none.html", memberships=identity.memberships(tx, view.who))
        )
    return view.page("overview/overview.html", tenant=identity.get_tenant(tx, tenant_id), **_state(tx, view, tenant_id))


@pages.get("/overview/state")
def overview_state(tx: Tx, view: Annotated[View, needs(Permission.TENANT_READ)]) -> Response:
    """Render what changes again."""
    return view.page("overview/state.html", **_state(tx, view, view.who.tenant_id or ""))


@pages.get("/overview/more")
def overview_more(tx: Tx, view: Annotated[View, needs(Permission.TENANT_READ)]) -> Response:
    """Render what is beside the jobs: use and how long the money lasts, data, tickets, maintenance ahead."""
    return view.page("overview/more.html", **_use(tx, view), **_beside(tx, view), windows=centre.list_maintenance(tx)[:FEW])


def _state(tx: Tx, view: View, tenant_id: str) -> dict[str, Any]:
    sees_jobs = view.may(Permission.JOB_READ)
    balance = ledger.balance(tx, tenant_id) if view.may(Permission.MONEY_READ) else None
    states = jobs.count_states(tx, view.who) if sees_jobs else {}
    latest = sorted(browse.front_jobs(tx, view.who, LATEST), key=_urgency)[:SHOWN] if sees_jobs else []
    return {
        "balance": balance,
        "states": states,
        "latest": latest,
        "starts": jobs.expected_starts(tx, latest),
        **_first_steps(tx, view, balance, states, latest),
    }


def _urgency(job: Job) -> int:
    """Put what runs first, then what waits; within each the order stays, the newest first."""
    return ORDER.index(job.state) if job.state in ORDER else len(ORDER)


def _use(tx: Tx, view: View) -> dict[str, Any]:
    """Return the use of the last days, how long the money lasts at this rate, and how far the nearest budget is used."""
    if not view.may(Permission.MONEY_READ):
        return {"use": None}
    tenant_id = view.who.tenant_id or ""
    use = spending.last_days(tx, view.who, DAYS)
    left_fen = ledger.available(tx, tenant_id)
    over = budgets.budgets_over(tx, tenant_id=tenant_id, person_id=view.who.person_id, at=clock.now())
    return {
        "use": use.groups[0],
        "chart": draw(use, [view.say("Card-hours")]),
        "left_fen": left_fen,
        "runway": runway_days(left_fen, use.groups[0].daily_fen),
        "budget": max(over, key=lambda each: each.percent, default=None),
    }


def _beside(tx: Tx, view: View) -> dict[str, Any]:
    """Return data made lately and tickets that are not done."""
    sees_data = view.may(Permission.DATA_READ)
    repos = hub.list_repos(tx, view.who, page=PageRequest(MADE)).items if sees_data else []
    open_tickets = tickets.list_tickets(tx, view.who, NOT_DONE, PageRequest(FEW)).items
    return {
        "repos": repos,
        "newest": hub.newest_of(tx, repos),
        "storage": hub.storage(tx, view.who.tenant_id or "") if sees_data else None,
        "tickets": open_tickets,
        "unseen": tickets.unseen(tx, view.who, open_tickets),
    }


def _first_steps(tx: Tx, view: View, balance: Balance | None, states: Mapping[JobState, int], latest: Sequence[Job]) -> dict[str, Any]:
    """Return the guide of an organisation that is new here, unless it was put away."""
    if len(latest) > guide.FEW_JOBS or not guide.is_new(states) or guide.is_put_away(tx, view):
        return {"guide": None}
    return guide.shown(guide.standing(tx, view, balance, latest))
