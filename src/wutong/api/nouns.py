"""Every router of the JSON door, one file a noun. A new noun is added here and nowhere else."""

from wutong.api import health, identity, tenants
from wutong.api.auth import Router

ROUTERS: tuple[Router, ...] = (identity.router, tenants.router)

# Outside /api/v1: what machines look at.
BARE_ROUTERS: tuple[Router, ...] = (health.router,)
