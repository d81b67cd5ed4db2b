"""Every router of the JSON door, one file a noun. A new noun is added here and nowhere else."""

from fastapi import APIRouter

from wutong.api import admin, catalogue, data, docs, forecast, health, identity, jobs, logs, money, operations, splits, tenants, uploads

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
    operations.router,
    operations.tenants_router,
    forecast.router,
    health.router,
    docs.router,
)
