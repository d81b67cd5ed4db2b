"""The API's callers: by a token or a session's secret in the header, or by the cookie of a browser."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from wutong.api.errors import ERROR_RESPONSES
from wutong.doorway.asking import (
    COOKIE,
    SAFE,
    TENANT_COOKIE,
    TENANT_HEADER,
    Caller,
    Needs,
    Tx,
    address_of,
    device_of,
    in_one_hop,
    needs,
    refuse_other_sites,
)

__all__ = ["COOKIE", "TENANT_HEADER", "Asking", "Caller", "Needs", "Router", "Tx", "Visitor", "caller", "needs", "visitor"]

_bearer = HTTPBearer(auto_error=False, description="An API token (`wtk_...`) or the secret of a session (`wts_...`).")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The session of a browser.")


async def caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Caller:
    """Gather what tells who is asking. No database yet."""
    if bearer is None and cookie and request.method not in SAFE:
        refuse_other_sites(request)
    secret = bearer.credentials if bearer else cookie
    # Scripts of a page act for the organisation that the page was made for.
    tenant = request.headers.get(TENANT_HEADER) or (None if bearer else request.cookies.get(TENANT_COOKIE))
    return Caller(request.app.state.context, secret, address_of(request), tenant, request.url.scheme == "https", device_of(request))


async def visitor(request: Request) -> Caller:
    """Gather the same for routes that need no sign-in."""
    return Caller(request.app.state.context, None, address_of(request), None, request.url.scheme == "https", device_of(request))


Asking = Annotated[Caller, Depends(caller)]
Visitor = Annotated[Caller, Depends(visitor)]


class Router(APIRouter):
    """A router of ours: error shapes documented, and routes that name `Tx` or `needs(...)` run in one hop and one transaction.

    It knows its routes' whole paths, so that the application takes them as they are.
    """

    def __init__(self, *, tag: str, prefix: str = "", root: str = "/api/v1") -> None:
        super().__init__(prefix=root + prefix, tags=[tag], responses=ERROR_RESPONSES, generate_unique_id_function=_operation_id)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Register a route, wrapped when its signature asks for it."""
        super().add_api_route(path, in_one_hop(endpoint, Asking, Visitor), **options)


def _operation_id(route: APIRoute) -> str:
    return route.name
