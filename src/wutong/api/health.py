"""Whether this process can serve: it is up, and its database answers."""

from typing import Literal

from sqlalchemy import text

from wutong.api.auth import Router, Tx
from wutong.sdk.wire import Received

router = Router(tag="health", root="")


class Health(Received):
    """What a load balancer needs to know."""

    status: Literal["ok"]


@router.get("/health/ready", response_model=Health)
def get_readiness(tx: Tx) -> Health:
    """Tell that the API is up and its database answers; 503 when it does not."""
    tx.execute(text("SELECT 1"))
    return Health(status="ok")
