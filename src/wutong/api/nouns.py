"""Every router of the JSON door, one file a noun. A new noun is added here and nowhere else."""

from fastapi import APIRouter

from wutong.api import admin, catalogue, data, docs, health, identity, jobs, logs, money, tenants, uploads
from wutong.api.auth import Router

# Routes are matched one by one: what is asked for most stands first.
ROUTERS: tuple[Router, ...] = (
    jobs.router,
    logs.router,
    identity.router,
    tenants.router,
    catalogue.router,
    money.router,
    data.router,
    uploads.router,
    admin.router,
)

# Outside /api/v1: what machines look at.
BARE_ROUTERS: tuple[APIRouter, ...] = (health.router, docs.router)
