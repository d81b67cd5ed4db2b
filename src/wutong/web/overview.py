"""The first page after sign-in: what runs, what is left, what to do next."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Response

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import Job, JobFilters, JobState
from wutong.doorway.asking import Tx, needs
from wutong.hub import service as hub
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import Balance
from wutong.web.help import guide
from wutong.web.view import Pages, View

pages = Pages()
LATEST = 6


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


def _state(tx: Tx, view: View, tenant_id: str) -> dict[str, Any]:
    who = view.who
    sees_money, sees_jobs, sees_data = (view.may(each) for each in (Permission.MONEY_READ, Permission.JOB_READ, Permission.DATA_READ))
    balance = ledger.balance(tx, tenant_id) if sees_money else None
    states = jobs.count_states(tx, who) if sees_jobs else {}
    latest = jobs.list_jobs(tx, who, JobFilters(), PageRequest(LATEST)).items if sees_jobs else []
    return {
        "balance": balance,
        "states": states,
        "latest": latest,
        "storage": hub.storage(tx, tenant_id) if sees_data else None,
        **_first_steps(tx, view, balance, states, latest),
    }


def _first_steps(tx: Tx, view: View, balance: Balance | None, states: Mapping[JobState, int], latest: Sequence[Job]) -> dict[str, Any]:
    """Return the guide of an organisation that is new here, unless it was put away."""
    if not guide.is_new(states) or guide.is_put_away(tx, view):
        return {"guide": None}
    return guide.shown(guide.standing(tx, view, balance, latest))
