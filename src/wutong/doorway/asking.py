"""Who is asking, and the one way a route gets its transaction.

A route says in its signature what it needs:

    def get_job(tx: Tx, who: Annotated[Principal, needs(Permission.JOB_READ)], job_id: str) -> Job

`in_one_hop` turns such a function into one hop to a worker thread in which the transaction is opened, the caller is authenticated in it, the
permissions are checked, the function runs and the transaction is committed, before any byte of the answer is sent. FastAPI's own
dependencies would hop for each of these, and a request that holds a database connection while it waits for a thread can lock up the pool.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from anyio.to_thread import run_sync
from fastapi import Request
from sqlalchemy.orm import Session

from wutong.compute.jobs import service as jobs
from wutong.doorway.context import Context
from wutong.identity import service
from wutong.identity.rules import Permission, Principal, require
from wutong.kit.errors import Forbidden, Unauthenticated
from wutong.kit.together import once

T = TypeVar("T")

COOKIE = "wutong_session"
TENANT_COOKIE = "wutong_tenant"
TENANT_HEADER = "X-Wutong-Tenant"
JOB_TOKEN = "wtj_"  # noqa: S105 how one begins
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(Forbidden):
    """A browser sent a signed-in request from another site's page."""

    code = "cross_site"
    message = "This request came from another site's page and was refused. Send it from the centre's own pages, or with a token."


@dataclass(frozen=True, slots=True)
class Needs:
    """Marks the parameter of a route that gets the authenticated caller, and says what it must be allowed.

    With `optional` it may also be nobody: a page that greets those who are signed in.
    """

    permissions: tuple[Permission, ...]
    optional: bool = False


class _Transaction:
    """Marks the parameter of a route that gets the request's transaction."""


Tx = Annotated[Session, _Transaction()]


def needs(*permissions: Permission) -> Needs:
    """Say in a route's signature what the caller must be allowed; nothing means merely signed in."""
    return Needs(permissions)


@dataclass(frozen=True)
class Caller:
    """A request before it is known whose it is. Async routes hold this and open short transactions with `ask`."""

    context: Context
    secret: str | None
    address: str
    tenant_hint: str | None
    secure: bool = False
    device: str = ""

    def principal(self, session: Session, *permissions: Permission) -> Principal:
        """Authenticate and check permissions within a transaction."""
        if not self.secret:
            raise Unauthenticated
        if self.secret.startswith(JOB_TOKEN):
            who = self._job(session, self.secret)
        else:
            who = service.authenticate(session, self.secret, address=self.address, tenant_hint=self.tenant_hint)
        require(who, *permissions)
        return who

    def _job(self, session: Session, secret: str) -> Principal:
        """Authenticate a job by the token in its environment, which dies with its run."""
        claims = service.authenticate_job_token(self.context.settings.key_file, secret)
        if not jobs.is_token_alive(session, claims.run_name):
            raise Unauthenticated
        return service.job_principal(session, claims, address=self.address)

    def present(self, session: Session, wanted: Needs) -> Any:
        """Return what a route that needs a caller is given; doors that give more than the principal override this."""
        return self.principal(session, *wanted.permissions)

    async def ask(self, work: Callable[[Session, Principal], T], *permissions: Permission) -> T:
        """Run `work` in a thread, in a transaction of its own, for the authenticated caller."""

        def run() -> T:
            with self.context.database.session() as session:
                return work(session, self.principal(session, *permissions))

        return await run_sync(run)

    async def ask_together(self, work: Callable[[Session, Principal], T], *permissions: Permission) -> T:
        """Do the same in one transaction with what else this caller writes at the moment; `work` may run again, so it only uses its session."""
        who = self.secret, self.tenant_hint, self.address

        def run(session: Session) -> T:
            return work(session, once(session, (who, permissions), lambda: self.principal(session, *permissions)))

        return await self.context.together.write(who, run)


def address_of(request: Request) -> str:
    """Return the address the request comes from, as the server sees it."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    """Return the program and system the request comes from, in a few words."""
    return service.device_of(request.headers.get("user-agent", ""))


def refuse_other_sites(request: Request) -> None:
    """Raise `CrossSite` for a request that a page of another site made the browser send."""
    origin = request.headers.get("origin")
    if origin is not None and origin.split("://", 1)[-1] != request.headers.get("host"):
        raise CrossSite


def in_one_hop(endpoint: Callable[..., Any], asks: Any, visits: Any) -> Callable[..., Any]:
    """Wrap a sync route whose signature names a transaction or the caller; give back any other as it is.

    `asks` and `visits` are annotations of the FastAPI dependencies that give the `Caller`, of routes that need sign-in and of those that do not.
    """
    signature = inspect.signature(endpoint)
    tx_name = next((p.name for p in signature.parameters.values() if _marker(p, _Transaction)), None)
    who_name, wanted = next(((p.name, m) for p in signature.parameters.values() if (m := _marker(p, Needs))), (None, None))
    if tx_name is None and who_name is None:
        return endpoint
    if inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{endpoint.__name__} is async: take `Asking` and call its `ask`, so that no transaction stays open over an await")

    def run(asking: Caller, given: dict[str, Any]) -> Any:
        with asking.context.database.session() as session:
            if who_name is not None and wanted is not None:
                given[who_name] = asking.present(session, wanted)
            if tx_name is not None:
                given[tx_name] = session
            return endpoint(**given)

    @functools.wraps(endpoint)
    async def hop(*, asking_: Caller, **given: Any) -> Any:
        return await run_sync(run, asking_, given)

    kept = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values() if p.name not in (tx_name, who_name)]
    asked = inspect.Parameter("asking_", inspect.Parameter.KEYWORD_ONLY, annotation=asks if who_name else visits)
    hop.__signature__ = signature.replace(parameters=[*kept, asked])  # type: ignore[attr-defined]
    hop.needs = wanted  # type: ignore[attr-defined]
    return hop


def _marker(parameter: inspect.Parameter, kind: type[T]) -> T | None:
    if get_origin(parameter.annotation) is not Annotated:
        return None
    return next((extra for extra in get_args(parameter.annotation)[1:] if isinstance(extra, kind)), None)
