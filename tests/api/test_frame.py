"""What holds for every request: ids, limits, one error shape, one transaction committed before the answer."""

from typing import Annotated

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from wutong.api.auth import Asking, Router, Tx, in_one_hop, needs
from wutong.api.main import create_app
from wutong.doorway.frame import JSON_LIMIT_BYTES
from wutong.identity import service
from wutong.identity.rules import Permission, Principal
from wutong.kit.errors import Conflict, Unavailable

router = Router(tag="trial")


@router.post("/trial/write-and-fail")
def write_and_fail(tx: Tx, who: Annotated[Principal, needs()]) -> None:
    service.audit(tx, who, "trial", kind="trial", id="1")
    raise Conflict(reason="No.")


@router.get("/trial/broken")
def broken() -> None:
    raise RuntimeError("the secret of the kitchen")


@router.get("/trial/away")
def away() -> None:
    raise OperationalError("SELECT secret", {}, Exception("connection refused"))


@router.get("/trial/unavailable")
def unavailable() -> None:
    raise Unavailable(what="The agent")


@router.get("/trial/streamed")
async def streamed(asking: Asking) -> str:
    return await asking.ask(lambda session, who: who.name, Permission.JOB_READ)


@pytest.fixture
def trial(centre):
    app = create_app(centre.context)
    app.include_router(router)
    with TestClient(app) as http:
        centre.http = http
        yield centre


def test_every_answer_has_an_id_and_a_given_one_is_kept(centre):
    assert len(centre.call("owner", "GET", "/me").headers["X-Request-Id"]) == 16
    assert centre.call("owner", "GET", "/me", headers={"X-Request-Id": "my-own-id.1"}).headers["X-Request-Id"] == "my-own-id.1"
    odd = centre.call("owner", "GET", "/me", headers={"X-Request-Id": "a b\tc<script>"})
    assert "<" not in odd.headers["X-Request-Id"]


def test_an_error_rolls_everything_back(trial):
    assert trial.error("owner", "POST", "/trial/write-and-fail")[0] == 409
    assert trial.ok("owner", "GET", "/audit", params={"kind": "trial"})["items"] == []


def test_our_own_faults_show_nothing_of_the_inside(trial, capsys):
    status, error = trial.error("owner", "GET", "/trial/broken")
    assert (status, error["code"]) == (500, "internal")
    assert "kitchen" not in str(error)
    assert error["request_id"] in error["message"]
    logged = "".join(capsys.readouterr())
    assert "kitchen" in logged
    assert error["request_id"] in logged


def test_a_database_that_is_away_is_503_and_says_nothing_was_lost(trial, capsys):
    for path in ("/trial/away", "/trial/unavailable"):
        status, error = trial.error("owner", "GET", path)
        assert (status, error["code"]) == (503, "unavailable")
        assert "SELECT" not in str(error)


def test_an_async_route_asks_in_a_transaction_of_its_own(trial):
    assert trial.ok("viewer", "GET", "/trial/streamed") == "viewer"
    assert trial.error("operator", "GET", "/trial/streamed")[1]["code"] == "no_tenant"
    assert trial.error("anonymous", "GET", "/trial/streamed")[0] == 401


def test_an_async_route_cannot_hold_a_transaction():
    async def wrong(tx: Tx) -> None: ...

    with pytest.raises(TypeError, match="ask"):
        in_one_hop(wrong)


def test_unknown_addresses_and_methods_have_the_one_shape(centre):
    assert centre.error("owner", "GET", "/nothing")[1]["code"] == "no_such_route"
    assert centre.error("owner", "GET", "/api/v2")[0] == 404
    response = centre.call("owner", "PUT", "/members")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"]


def test_what_cannot_be_read_is_refused_with_a_sentence(centre):
    for content in (b"", b"{", b"[" * 100_000, b"null", b"\xff\xfe", b'{"name": "\\u0000"}', b'{"name": "\\ud800"}', b'{"name": 3}', b'{"nam": "x"}'):
        status, error = centre.error("owner", "POST", "/tokens", content=content, headers={"Content-Type": "application/json"})
        assert status in (400, 422), (content[:20], error)
        assert error["message"]
    assert centre.error("owner", "GET", "/audit", params={"kind": "\x00"})[0] == 422


def test_a_body_over_the_limit_is_refused_announced_or_not(centre):
    big = b'{"name": "' + b"x" * JSON_LIMIT_BYTES + b'"}'
    json_type = {"Content-Type": "application/json"}
    assert centre.error("owner", "POST", "/tokens", content=big, headers=json_type)[1]["code"] == "too_large"
    pieces = (big[start : start + 65536] for start in range(0, len(big), 65536))
    status, error = centre.error("owner", "POST", "/tokens", content=pieces, headers=json_type)
    assert (status, error["code"]) == (413, "too_large")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic abc", "Bearer wts_x", "Bearer é", "bearer " + "wtk_" + "0" * 38])
def test_headers_that_prove_nothing_are_401(centre, header):
    response = centre.call("anonymous", "GET", "/me", headers={"Authorization": header.encode()})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_description_is_whole_and_every_operation_has_its_own_name(centre):
    described = centre.ok("anonymous", "GET", "/api/openapi.json")
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["tags"] and operation["summary"] and operation["description"] for operation in operations)
    assert all("4XX" in operation["responses"] for operation in operations)
    assert "HTTPValidationError" not in str(described)


def test_many_at_once_do_not_lock_up_the_pool(centre):
    """More callers than threads, more threads than connections: each request needs one of each, at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(lambda _: centre.call("owner", "GET", "/members").status_code, range(180)))
    assert statuses == [200] * 180
