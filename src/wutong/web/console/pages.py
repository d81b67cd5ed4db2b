"""All pages of the console, one file a noun."""

from wutong.web.console import (
    announcements,
    audit,
    books,
    flavours,
    jobs,
    maintenance,
    nodes,
    now,
    payments,
    prices,
    report,
    staff,
    tenants,
    utilisation,
    whatif,
)
from wutong.web.view import Pages

CONSOLE: tuple[Pages, ...] = (
    now.pages,
    announcements.pages,
    jobs.pages,
    nodes.pages,
    flavours.pages,
    maintenance.pages,
    utilisation.pages,
    tenants.pages,
    payments.pages,
    prices.pages,
    books.pages,
    audit.pages,
    staff.pages,
    report.pages,
    whatif.pages,
)
