"""What the menu offers a reader: every page is reached from here, and nobody is shown what they may not open."""

from dataclasses import dataclass

from wutong.identity.rules import Permission, Principal


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the menu."""

    title: str
    path: str
    icon: str
    needs: Permission | None = None
    pages: tuple[str, ...] = ()
    """Where its pages are when they are not all below its own path."""

    def is_here(self, path: str) -> bool:
        """Tell whether a page belongs to this line."""
        return path == self.path or path.startswith(tuple(f"{each}/" for each in self.pages or (self.path,))) or path in self.pages


VISITOR = (Item("Home page", "/", "home"), Item("Handbook", "/help", "book"), Item("Sign in", "/sign-in", "user"))
TENANT = (
    Item("Overview", "/overview", "home"),
    Item("Jobs", "/jobs", "player-play", Permission.JOB_READ),
    Item("Data", "/data", "database", Permission.DATA_READ),
    Item("Buy compute", "/buy", "shopping-cart", Permission.MONEY_READ),
    Item("Bill", "/bill", "receipt", Permission.MONEY_READ),
    Item("Organisation", "/organisation", "users", Permission.TENANT_READ),
    Item("Help", "/help", "lifebuoy", pages=("/help", "/guide", "/tickets")),
)
CENTRE = (
    Item("Centre", "/console", "server", Permission.CENTRE_READ, ("/console/utilisation", "/console/report", "/console/whatif")),
    Item("Queue", "/console/jobs", "list", Permission.CENTRE_JOBS, ("/console/jobs", "/console/queue")),
    Item("Machines", "/console/nodes", "cpu", Permission.CENTRE_READ, ("/console/nodes", "/console/flavours", "/console/maintenance")),
    Item("Prices", "/console/prices", "coin", Permission.CENTRE_READ),
    Item("Organisations", "/console/tenants", "building", Permission.CENTRE_READ, ("/console/tenants", "/console/staff")),
    Item("Payments", "/console/payments", "wallet", Permission.CENTRE_BOOKS, ("/console/payments", "/console/books")),
    Item("Announcements", "/console/announcements", "news", Permission.CENTRE_READ),
    Item("Tickets", "/console/tickets", "ticket", Permission.CENTRE_HELP),
    Item("Audit log", "/console/audit", "history", Permission.CENTRE_AUDIT),
)


def of(reader: Principal | None) -> list[tuple[str, list[Item]]]:
    """Return the parts of the menu with the lines this reader may open."""
    if reader is None:
        return [("", list(VISITOR))]
    parts = []
    if reader.tenant_id is not None:
        parts.append(("", [item for item in TENANT if item.needs is None or reader.may(item.needs)]))
    centre = [item for item in CENTRE if item.needs is not None and reader.may(item.needs)]
    if centre:
        parts.append(("The centre", centre))
    return parts
