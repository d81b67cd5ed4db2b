"""What the form of a job offers: flavours with price and what is free, environments, versions, secrets."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Flavour, Wait
from wutong.compute.catalogue import service as catalogue
from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import EnvironmentState
from wutong.compute.jobs import service as jobs
from wutong.hub import service as hub
from wutong.hub.rules import Repo, RepoKind
from wutong.identity.rules import Permission
from wutong.kit.paging import PageRequest
from wutong.web.view import View

MOST_REPOS = PageRequest(300)
SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGHUP")


@dataclass(frozen=True, slots=True)
class FlavourChoice:
    """A flavour with what it costs now, how many of its pool's cards are free, and how long a small job would wait."""

    flavour: Flavour
    fen_per_card_hour: int | None
    free_cards: int
    cards: int
    wait: Wait | None


def choices_for(tx: Session, view: View) -> dict[str, Any]:
    """Return what the reader may choose from."""
    found = environments.list_environments(tx, view.who)
    return {
        "flavours": flavour_choices(tx),
        "environments": sorted({each.name for each in found if each.state is not EnvironmentState.FAILED}),
        "known_secrets": [secret.name for secret in jobs.list_secrets(tx, view.who)],
        "signals": SIGNALS,
        **_refs(tx, view),
    }


def flavour_choices(tx: Session) -> list[FlavourChoice]:
    """Return the flavours that can be asked for, the smallest first."""
    flavours = [flavour for flavour in centre.list_flavours(tx) if flavour.enabled]
    prices = {price.flavour: price.fen_per_card_hour for price in catalogue.list_prices(tx, [flavour.name for flavour in flavours])}
    room = centre.free_cards(tx)
    waits = centre.expected_waits(tx, flavours)
    found = [FlavourChoice(each, prices.get(each.name), *room.get(each.pool, (0, 0)), waits.get(each.name)) for each in flavours]
    return sorted(found, key=lambda each: (each.flavour.pool, each.flavour.service, each.flavour.cards))


def _refs(tx: Session, view: View) -> dict[str, list[str]]:
    """Return what can be mounted by kind: one's own by name, what others published with their organisation's id before it."""
    refs: dict[str, list[str]] = {"datasets": [], "models": [], "codes": []}
    if not view.may(Permission.DATA_READ):
        return refs
    own = hub.list_repos(tx, view.who, page=MOST_REPOS).items
    others = [repo for repo in hub.list_repos(tx, view.who, page=MOST_REPOS, public=True).items if repo.tenant_id != view.who.tenant_id]
    names = {RepoKind.DATASET: "datasets", RepoKind.MODEL: "models", RepoKind.CODE: "codes"}
    for repo in (*own, *others):
        if repo.kind in names and repo.last_number:
            refs[names[repo.kind]].append(_ref(repo, own=repo.tenant_id == view.who.tenant_id))
    return refs


def _ref(repo: Repo, *, own: bool) -> str:
    return f"{repo.name}@{repo.last_number}" if own else f"{repo.tenant_id}/{repo.name}@{repo.last_number}"
