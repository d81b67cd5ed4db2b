"""Every router of pages, one file a noun. A new noun is added here and nowhere else."""

from wutong.web import components, entrance, environments, front, overview, search, secrets, stream, wall
from wutong.web.account import letters as account_letters
from wutong.web.account import logins as account_logins
from wutong.web.account import notices as account_notices
from wutong.web.account import profile as account_profile
from wutong.web.account import sessions as account_sessions
from wutong.web.account import tokens as account_tokens
from wutong.web.bill import budgets as bill_budgets
from wutong.web.bill import export as bill_export
from wutong.web.bill import jobs as bill_jobs
from wutong.web.bill import statement as bill_statement
from wutong.web.bill import usage as bill_usage
from wutong.web.buy import catalogue as buy_catalogue
from wutong.web.buy import orders as buy_orders
from wutong.web.buy import packages as buy_packages
from wutong.web.buy import reservations as buy_reservations
from wutong.web.console.pages import CONSOLE
from wutong.web.data import files as data_files
from wutong.web.data import repos as data_repos
from wutong.web.data import splits as data_splits
from wutong.web.data import uploads as data_uploads
from wutong.web.data import versions as data_versions
from wutong.web.help import desk as help_desk
from wutong.web.help import guide as help_guide
from wutong.web.help import handbook as help_handbook
from wutong.web.help import inbox as help_inbox
from wutong.web.help import tickets as help_tickets
from wutong.web.jobs import form as jobs_form
from wutong.web.jobs import job as jobs_job
from wutong.web.jobs import listing as jobs_listing
from wutong.web.jobs import logs as jobs_logs
from wutong.web.jobs import numbers as jobs_numbers
from wutong.web.organisation import members as organisation_members
from wutong.web.organisation import tokens as organisation_tokens
from wutong.web.organisation import trail as organisation_trail
from wutong.web.organisation import webhooks as organisation_webhooks
from wutong.web.view import Pages

PAGES: tuple[Pages, ...] = (
    front.pages,
    entrance.pages,
    overview.pages,
    jobs_logs.pages,
    jobs_numbers.pages,
    jobs_listing.pages,
    jobs_form.pages,
    jobs_job.pages,
    secrets.pages,
    environments.pages,
    stream.pages,
    data_repos.pages,
    data_versions.pages,
    data_files.pages,
    data_uploads.pages,
    data_splits.pages,
    buy_catalogue.pages,
    buy_packages.pages,
    buy_reservations.pages,
    buy_orders.pages,
    bill_jobs.pages,
    bill_statement.pages,
    bill_usage.pages,
    bill_budgets.pages,
    bill_export.pages,
    help_handbook.pages,
    help_guide.pages,
    help_inbox.pages,
    help_tickets.pages,
    help_desk.pages,
    *CONSOLE,
    wall.pages,
    search.pages,
    components.pages,
    organisation_members.pages,
    organisation_tokens.pages,
    organisation_trail.pages,
    organisation_webhooks.pages,
    account_letters.pages,
    account_logins.pages,
    account_notices.pages,
    account_profile.pages,
    account_sessions.pages,
    account_tokens.pages,
)
