"""Every router of the JSON door, one file a noun. A new noun is added here and nowhere else."""

from fastapi import APIRouter

from wutong.api import (
    account,
    admin,
    announcements,
    catalogue,
    data,
    docs,
    forecast,
    health,
    identity,
    jobs,
    logs,
    money,
    notices,
    operations,
    payments,
    splits,
    tenants,
    tickets,
    uploads,
    webhooks,
)

# Routes are matched one by one: what is asked for most stands first.
ROUTERS: tuple[APIRouter, ...] = (
    jobs.router,
    logs.router,
    identity.router,
    tenants.router,
    catalogue.router,
    money.router,
    data.router,
    uploads.router,
    splits.router,
    admin.router,
    payments.router,
    operations.router,
    operations.tenants_router,
    forecast.router,
    health.router,
    account.router,
    tickets.router,
    tickets.staff_router,
    announcements.router,
    notices.router,
    webhooks.router,
    docs.router,
)
