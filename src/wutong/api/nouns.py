"""Every router of the JSON door, one file a noun. A new noun is added here and nowhere else."""

from wutong.api import admin, catalogue, data, health, identity, jobs, logs, money, tenants, uploads
from wutong.api.auth import Router

ROUTERS: tuple[Router, ...] = (
    identity.router,
    tenants.router,
    catalogue.router,
    jobs.router,
    logs.router,
    money.router,
    data.router,
    uploads.router,
    admin.router,
)

# Outside /api/v1: what machines look at.
BARE_ROUTERS: tuple[Router, ...] = (health.router,)
