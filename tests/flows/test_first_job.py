"""A tenant's first job, told through the command alone: sign up, buy, upload, train, own the model, see the bill to the fen."""

import json
import tomllib
import zlib
from pathlib import Path

import httpx2
import pytest
from tests.flows.stage import Person

from wutong.app.trial import TrialCentre, new_credit_code

SECRET = "s3cret-of-the-first-job-" + "x9"

TRAIN = """import json, os, pathlib
data = pathlib.Path(os.environ["WUTONG_DATA_NUMBERS"])
total = sum(int(file.read_text()) for file in sorted(data.rglob("*.txt")))
print("total", total, flush=True)
pathlib.Path(os.environ["WUTONG_OUTPUTS"], "model.json").write_text(json.dumps({"total": total}))
"""


@pytest.fixture
def firm(newcomer: Person, finance: Person) -> Person:
    """A firm that signed up through the command and topped up 500 yuan."""
    email = f"{new_credit_code().lower()}@example.cn"
    said = newcomer.wutong("register", "--name", "Han River Robotics", "--credit-code", new_credit_code(), "--person", "Li Hua", "--email", email)
    assert "is registered as ten_" in said.out
    me = newcomer.ask("whoami")
    assert (me["role"], me["email"]) == ("owner", email)
    assert me["tenant_id"] in newcomer.quick("topup").out
    finance.quick("admin", "topup", me["tenant_id"], "500.00", "--reference", f"BANK-{new_credit_code()}", "--yes")
    assert newcomer.ask("balance")["cash_fen"] == 50_000
    return newcomer


def numbers(folder: Path) -> Path:
    """Write a small data set, with a folder in it and a name in Chinese."""
    (folder / "numbers" / "more").mkdir(parents=True)
    (folder / "numbers" / "one.txt").write_text("1")
    (folder / "numbers" / "more" / "数.txt").write_text("41")
    return folder / "numbers"


def settled_fen(firm: Person, centre: TrialCentre, *job_ids: str) -> int:
    """Wait until jobs are settled; return what they cost together."""
    token = json.loads((firm.folder / "cli.json").read_text())["token"]
    return sum(centre.await_settled(job_id, token=token)["charged_fen"] for job_id in job_ids)


def test_from_sign_up_to_the_bill(firm: Person, finance: Person, centre: TrialCentre):
    folder = firm.folder
    first = firm.ask("data", "push", str(numbers(folder)), "--licence", "CC-BY-4.0")
    again = firm.ask("data", "push", str(folder / "numbers"))
    assert (first["sent_files"], again["sent_files"], again["number"]) == (2, 0, 1)
    (folder / "trainer").mkdir()
    (folder / "trainer" / "train.py").write_text(TRAIN)
    fields = "name: count\ncommand: python train.py\ncode: trainer\ndatasets: [{ref: numbers}]\noutputs: {model: counter}\ntime_limit_s: 120\n"
    (folder / "job.yaml").write_text(fields)

    said = firm.wutong("job", "submit", "job.yaml", "--yes", "--watch")
    assert "total 42" in said.out
    assert "succeeded" in said.err
    job = firm.ask("job", "ls")[0]
    assert (job["name"], job["state"], job["exit_code"]) == ("count", "succeeded", 0)
    charged = settled_fen(firm, centre, job["id"])
    assert charged > 0

    model = firm.ask("model", "show", "counter")
    assert model["lineage"]["job"] == job["id"]
    assert {"trainer", "numbers"} <= set(json.dumps(model["lineage"]).replace('"', " ").replace("@", " ").split())
    firm.wutong("model", "pull", "counter", "mine")
    assert json.loads((folder / "mine" / "model.json").read_text()) == {"total": 42}

    bill = firm.ask("bill", "--windows")
    windows = [window for rows in bill["windows"].values() for window in rows]
    spent = -sum(line["amount_fen"] for line in firm.ask("statement") if line["cause_id"] != line["memo"] and line["kind"] != "top_up")
    balance = firm.ask("balance")
    assert bill["total_fen"] == charged == sum(window["amount_fen"] for window in windows) == spent == 50_000 - balance["cash_fen"]
    assert balance["held_fen"] == 0
    assert finance.ask("admin", "ledger-check")["problems"] == []
    assert "every fen is accounted for" in finance.wutong("admin", "ledger-check").out


def test_an_array_from_toml_and_a_job_that_comes_after_it(firm: Person, centre: TrialCentre):
    text = 'name = "sweep"\ncommand = "echo index $WUTONG_ARRAY_INDEX"\narray = "0-3%2"\ntime_limit_s = 60\n'
    assert tomllib.loads(text)["array"] == "0-3%2"
    (firm.folder / "sweep.toml").write_text(text)
    parent = firm.ask("job", "submit", "sweep.toml", "--yes")
    last = firm.ask("job", "submit", "--name", "after", "--command", "echo after", "--after", parent["id"], "--time-limit", "60", "--yes")
    firm.quick("job", "watch", last["id"])
    jobs = {
        job["name"] if job["array_index"] is None else job["array_index"]: job
        for job in firm.ask("job", "ls") + firm.ask("job", "ls", "--array", parent["id"])
    }
    assert {jobs[index]["state"] for index in range(4)} == {"succeeded"}
    assert max(jobs[index]["ended_at"] for index in range(4)) <= jobs["after"]["started_at"]
    assert firm.quick("job", "logs", jobs[2]["id"]).out == "index 2\n"
    assert settled_fen(firm, centre, *(jobs[index]["id"] for index in range(4)), last["id"]) == firm.ask("bill")["total_fen"]


def test_a_secret_reaches_the_job_and_nothing_else(firm: Person, centre: TrialCentre):
    firm.quick("secret", "set", "API_KEY", typed=SECRET)
    check = f"python -c \"import os,zlib; print(zlib.crc32(os.environ['API_KEY'].encode()) == {zlib.crc32(SECRET.encode())})\""
    job = firm.ask("job", "submit", "--name", "secretive", "--command", check, "--secret", "API_KEY", "--time-limit", "60", "--yes")
    assert firm.quick("job", "watch", job["id"]).out == "True\n"
    for words in (("secret", "ls"), ("job", "show", job["id"]), ("job", "events", job["id"]), ("job", "ls")):
        said = firm.quick(*words, "--json")
        assert SECRET not in said.out + said.err
    settled_fen(firm, centre, job["id"])
    kept = [path for path in centre.home.rglob("*") if path.is_file() and not path.is_relative_to(centre.home / "environments")]
    assert len(kept) > 100
    assert [path for path in kept if path.exists() and SECRET.encode() in path.read_bytes()] == []


def test_a_failing_job_is_tried_again_with_a_log_for_each_try(firm: Person, centre: TrialCentre):
    command = "echo try $WUTONG_ATTEMPT; test $WUTONG_ATTEMPT -ge 3"
    job = firm.ask("job", "submit", "--name", "unlucky", "--command", command, "--tries", "2", "--time-limit", "60", "--yes")
    watched = firm.quick("job", "watch", job["id"], status=1)
    assert "failed" in watched.err
    shown = firm.ask("job", "show", job["id"])
    assert [attempt["exit_code"] for attempt in shown["attempts"]] == [1, 1]
    logs = [firm.quick("job", "logs", job["id"], "--attempt", str(number)).out for number in (1, 2)]
    assert logs == ["try 1\n", "try 2\n"]
    assert settled_fen(firm, centre, job["id"]) == firm.ask("bill")["total_fen"] > 0


def test_a_cancelled_job_ends_and_costs_what_it_used(firm: Person, centre: TrialCentre):
    job = firm.ask("job", "submit", "--name", "long", "--command", "echo on; sleep 50", "--time-limit", "60", "--yes")
    token = json.loads((firm.folder / "cli.json").read_text())["token"]
    with httpx2.stream(
        "GET", f"{centre.url}/api/v1/jobs/{job['id']}/logs?follow=true", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as log:
        assert next(log.iter_bytes()) == b"on\n"
        firm.quick("job", "cancel", job["id"], "--yes")
    seen = centre.await_settled(job["id"], token=token)
    assert seen["state"] == "cancelled"
    assert 0 < seen["charged_fen"] < 5000
    assert firm.ask("balance")["held_fen"] == 0
