"""Every router of pages, one file a noun. A new noun is added here and nowhere else."""

from wutong.web import entrance, front, overview, stream
from wutong.web.bill import budgets as bill_budgets
from wutong.web.bill import export as bill_export
from wutong.web.bill import jobs as bill_jobs
from wutong.web.bill import statement as bill_statement
from wutong.web.bill import usage as bill_usage
from wutong.web.buy import catalogue as buy_catalogue
from wutong.web.buy import orders as buy_orders
from wutong.web.buy import packages as buy_packages
from wutong.web.buy import reservations as buy_reservations
from wutong.web.view import Pages

PAGES: tuple[Pages, ...] = (
    front.pages,
    entrance.pages,
    overview.pages,
    stream.pages,
    buy_catalogue.pages,
    buy_packages.pages,
    buy_reservations.pages,
    buy_orders.pages,
    bill_jobs.pages,
    bill_statement.pages,
    bill_usage.pages,
    bill_budgets.pages,
    bill_export.pages,
)
