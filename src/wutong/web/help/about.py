"""Where the handbook explains a page of the portal, for the link beside its title."""

from typing import Final

# By the beginning of the page's address; the longest that fits counts.
ABOUT: Final = {
    "/overview": "first-job",
    "/guide": "first-job",
    "/jobs": "jobs",
    "/jobs/new": "job-file",
    "/secrets": "jobs#secrets",
    "/environments": "environments",
    "/data": "data",
    "/buy": "money",
    "/buy/top-up": "money#top-up",
    "/buy/packages": "money#packages",
    "/buy/reservations": "money#packages",
    "/bill": "money#bill",
    "/bill/budgets": "budgets",
    "/bill/warnings": "budgets#ladder",
    "/bill/usage": "budgets#usage",
    "/organisation": "people",
    "/organisation/trail": "people#trail",
    "/organisation/tokens": "tokens",
    "/organisation/webhooks": "webhooks#webhooks",
    "/account": "people#sign-in",
    "/account/tokens": "tokens",
    "/account/notices": "webhooks",
    "/inbox": "webhooks",
    "/tickets": "webhooks#tickets",
}


def about(path: str) -> str | None:
    """Return the address in the handbook that explains the page at an address, None where there is none."""
    parts = path.split("/")
    for length in range(len(parts), 1, -1):
        place = ABOUT.get("/".join(parts[:length]))
        if place is not None:
            return f"/help/{place}"
    return None
