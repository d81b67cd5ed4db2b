"""The client: what is safe is tried again, what is not is not; errors become exceptions by code."""

from collections.abc import Callable

import httpx2
import pytest

from wutong.sdk import errors, jobs
from wutong.sdk.client import Client
from wutong.sdk.data import Storage
from wutong.sdk.errors import ApiError, Unreachable
from wutong.sdk.jobs import JobRequest


class Line:
    """A network that answers what it is told, in order; the last answer repeats."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        body = {"used_bytes": 1, "quota_bytes": 2} if answer < 400 else {"error": {"code": "c", "message": "Do this.", "request_id": "r"}}
        return httpx2.Response(answer, json=body)


def client(line: Callable[[httpx2.Request], httpx2.Response], *, tries: int = 3) -> Client:
    """A client on that network."""
    return Client("http://centre", "wtk_x", tries=tries, transport=httpx2.MockTransport(line))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "_pause", lambda *_: None)


BROKEN = httpx2.ConnectError("broken")


@pytest.mark.parametrize("trouble", [503, 502, 504, 429, BROKEN])
def test_reading_is_tried_again(trouble: int | Exception):
    line = Line(trouble, trouble, 200)
    assert client(line).get("/api/v1/storage", Storage).used_bytes == 1
    assert len(line.asked) == 3


@pytest.mark.parametrize("trouble", [503, BROKEN])
def test_what_could_happen_twice_is_sent_once(trouble: int | Exception):
    line = Line(trouble, 200)
    with pytest.raises(ApiError):
        client(line).post("/api/v1/invitations", {"email": "a@b.cn"}, Storage)
    assert len(line.asked) == 1


def test_a_submission_is_repeated_under_one_key():
    line = Line(BROKEN, 503, 503)
    with pytest.raises(ApiError):
        jobs.submit(client(line), JobRequest(name="a", command="b"), key="k")
    assert [request.headers["Idempotency-Key"] for request in line.asked] == ["k", "k", "k"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422, 500])
def test_a_refusal_is_not_repeated(status: int):
    line = Line(status)
    with pytest.raises(ApiError, match=r"Do this\.") as caught:
        client(line).get("/api/v1/storage", Storage)
    assert len(line.asked) == 1
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, "c", "r")


def test_a_centre_that_is_away_is_named():
    with pytest.raises(Unreachable, match=r"The centre at http://centre does not answer \(ConnectError\)"):
        client(Line(BROKEN)).get("/api/v1/storage", Storage)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest), (401, errors.Unauthenticated), (402, errors.PaymentRequired), (403, errors.Forbidden), (404, errors.NotFound),
        (409, errors.Conflict), (413, errors.TooLarge), (422, errors.Invalid), (429, errors.TooMany), (500, errors.ServerFault),
        (507, errors.ServerFault), (418, errors.ApiError),
    ],
)  # fmt: skip
def test_each_status_has_its_class(status: int, kind: type[ApiError]):
    body = b'{"error": {"code": "c", "message": "m", "details": {"a": 1}}}'
    assert type(errors.error_from(status, body)) is kind
    assert errors.error_from(status, b"<html>proxy</html>").code == "unknown"


def test_a_list_is_walked_page_by_page():
    def answer(request: httpx2.Request) -> httpx2.Response:
        after = int(request.url.params.get("after", "0"))
        items = [{"used_bytes": after + step, "quota_bytes": 0} for step in range(2)]
        return httpx2.Response(200, json={"items": items, "next": str(after + 2) if after < 4 else None})

    assert [item.used_bytes for item in client(answer).pages("/x", Storage)] == [0, 1, 2, 3, 4, 5]
    assert [item.used_bytes for item in client(answer).pages("/x", Storage, most=3)] == [0, 1, 2]


def test_a_followed_log_is_taken_up_where_it_broke():
    whole, cuts = b"one two three four", [5, 9]

    def answer(request: httpx2.Request) -> httpx2.Response:
        offset = int(request.url.params["offset"])
        headers = {jobs.ATTEMPT: "2", jobs.NEXT_OFFSET: str(len(whole)), jobs.COMPLETE: "true"}
        if "follow" not in request.url.params:
            return httpx2.Response(200, content=whole[offset:], headers=headers)
        assert request.url.params.get("attempt") == ("2" if offset else None)
        if not cuts:
            return httpx2.Response(200, content=whole[offset:], headers=headers)
        return httpx2.Response(200, content=_broken(whole[offset : cuts.pop(0)]), headers=headers)

    assert b"".join(jobs.follow_log(client(answer), "job_1")) == whole


def test_a_followed_log_goes_on_with_the_next_start():
    logs, told, starts = [b"first", b"second"], [], [1, 2, 2, 2]

    def answer(request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        start, offset = int(params.get("restart", "0")), int(params["offset"])
        headers = {jobs.ATTEMPT: "1", jobs.START: str(start), jobs.NEXT_OFFSET: str(len(logs[start]))}
        if "follow" not in params:
            there = starts.pop(0)
            headers |= {jobs.STARTS: str(there), jobs.COMPLETE: "false" if start == 0 and there == 1 else "true"}
        return httpx2.Response(200, content=logs[start][offset:], headers=headers)

    assert b"".join(jobs.follow_log(client(answer), "job_1", on_start=told.append)) == b"firstsecond"
    assert told == [2]


def _broken(piece: bytes):
    yield piece
    raise httpx2.ReadError("broken")


def test_following_gives_up_when_the_centre_stays_away():
    with pytest.raises(Unreachable):
        list(jobs.follow_log(client(Line(BROKEN), tries=1), "job_1", patience_s=0))
