"""What if the centre had more machines: the last weeks replayed as they are and with the change. Worked out apart, one question at a time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Change, PlanTask
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission, Principal
from wutong.kit import clock
from wutong.kit.errors import Invalid, Problem
from wutong.web.console import reading
from wutong.web.console.reading import Word
from wutong.web.view import Pages, View, Visiting

pages = Pages()

PAGE = "console/whatif.html"
SPANS = (7, 30, 90)
MOST_NODES = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as it was typed."""

    pool: str = ""
    more_nodes: str = "1"
    days: str = "30"

    def change(self) -> Change:
        """Return the change that is asked about; raises `Invalid`."""
        fewer = self.more_nodes.strip().startswith("-")
        number = reading.whole(self.more_nodes.strip().lstrip("+-"), field="more_nodes")
        if not 0 < number <= MOST_NODES:
            raise Invalid(field="more_nodes", reason=f"Ask for 1 to {MOST_NODES} machines more, or with a minus fewer.")
        return Change(more_nodes=-number if fewer else number)

    def span(self) -> timedelta:
        """Return how far back to look; raises `Invalid`."""
        days = reading.whole(self.days, field="days")
        if days not in SPANS:
            raise Invalid(field="days", reason="Choose 7, 30 or 90 days.")
        return timedelta(days=days)


@pages.get("/console/whatif")
def whatif_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)]) -> Response:
    """Ask for a pool, a number of machines and a time."""
    return view.page(PAGE, **_values(tx, Question()))


@pages.post("/console/whatif")
async def work_out(visit: Visiting, pool: Word = "", more_nodes: Word = "", days: Word = "") -> Response:
    """Replay, and show both side by side. No transaction is open meanwhile."""
    asked = Question(pool, more_nodes, days)

    def prepare(tx: Session, who: Principal) -> tuple[View, dict[str, Any], PlanTask | Problem]:
        view = View(visit, who)
        try:
            now = clock.now()
            return view, _values(tx, asked), centre.plan_pool(tx, pool, asked.change(), begin=now - asked.span(), end=now)
        except Problem as refused:
            return view, _values(tx, asked), refused

    view, values, task = await visit.ask(prepare, Permission.CENTRE_READ)
    if isinstance(task, Problem):
        return view.page(PAGE, task.status, **values, problem=task)
    try:
        found = await run_sync(centre.replay_apart, task)
    except Problem as refused:
        return view.page(PAGE, refused.status, **values, problem=refused)
    return view.page(PAGE, **{**values, "found": found})


def _values(tx: Session, asked: Question) -> dict[str, Any]:
    return {"pools": centre.list_pools(tx), "asked": asked, "spans": SPANS, "found": None}
