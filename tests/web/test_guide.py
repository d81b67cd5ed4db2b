"""The guide of the first steps: what it advises at each stand, for each role; the sample data and job; put away and brought back."""

import csv
import io
import json
import subprocess
import sys

import pytest
from tests.web.conftest import statements

from wutong.compute.jobs.rules import JobState
from wutong.hub import service as hub
from wutong.hub.rules import RepoKind
from wutong.identity import service as identity
from wutong.sdk.jobs import JobRequest
from wutong.web.help.guide import sample_files
from wutong.web.help.steps import Standing, Step, job_to_show, plan
from wutong.web.jobs.sample import SAMPLE_DATA, digits_job


class Job:
    """As much of a job as the guide looks at."""

    def __init__(self, state, name="job"):
        self.state, self.name = state, name


RUNNING, FAILED, SUCCEEDED = (Job(JobState(state), state) for state in ("running", "failed", "succeeded"))


@pytest.mark.parametrize(
    ("standing", "step", "also"),
    [
        (Standing(money=False, data=False, job=None), Step.MONEY, {Step.DATA}),
        (Standing(money=False, data=True, job=None), Step.MONEY, set()),
        (Standing(money=True, data=False, job=None), Step.DATA, set()),
        (Standing(money=True, data=True, job=None), Step.JOB, set()),
        (Standing(money=None, data=True, job=None), Step.JOB, set()),
        (Standing(money=False, data=False, job=RUNNING), Step.RESULT, set()),
        (Standing(money=True, data=True, job=FAILED), Step.RESULT, set()),
        (Standing(money=True, data=True, job=SUCCEEDED), None, set()),
    ],
)
def test_one_thing_is_next(standing, step, also):
    found = plan(standing)
    assert (found.next, set(found.open)) == (step, also)
    assert found.next not in found.done


def test_a_job_that_succeeded_is_shown_before_one_that_runs_and_one_that_failed():
    assert job_to_show([]) is None
    assert job_to_show([FAILED, RUNNING]) is RUNNING
    assert job_to_show([FAILED, RUNNING, SUCCEEDED]) is SUCCEEDED


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_empty_organisation_is_led_to_its_first_job(portal, language):
    owner = portal.browser("owner", language)
    with statements(portal) as seen:
        page = owner.get("/overview").text
    assert len(seen) <= 12
    assert 'action="/guide/data"' in page, "the purse of these people is full, so data is next"
    assert "sample=digits" not in page
    assert owner.send("/guide/data", on="/overview").headers["location"] == "/overview"
    page = owner.get("/overview").text
    assert 'href="/jobs/new?sample=digits"' in page
    form = owner.get("/jobs/new?sample=digits").text
    assert f"{SAMPLE_DATA}" in form
    assert "digits-model" in form


def test_the_sample_data_is_taken_once(portal):
    owner = portal.browser("owner")
    for _ in range(2):
        owner.send("/guide/data", on="/guide")
    with portal.context.database.session() as session:
        who = identity.authenticate(session, portal.people["owner"].secret)
        repo = hub.find_repo(session, who, RepoKind.DATASET, SAMPLE_DATA)
        (version,) = hub.list_versions(session, who, repo.id).items
        assert {file.path for file in hub.files_of(session, version.id)} == {"README.md", "digits.csv"}
        assert repo.licence == "CC-BY-4.0"
        mine = hub.storage(session, who.tenant_id).used_bytes
    assert mine == sum(len(content) for content in sample_files().values())
    page = owner.get(f"/data/{repo.id}/versions/1/preview?path=digits.csv").text
    assert "p00" in page


def test_who_only_reads_is_told_so_and_takes_nothing(portal):
    viewer = portal.browser("viewer")
    page = viewer.get("/guide").text
    assert 'action="/guide/data"' not in page
    assert "Ask a colleague" in page
    viewer.send("/guide/data", status=403)
    portal.browser("anonymous").get("/guide", status=303)
    portal.browser("operator").get("/guide", status=403)


def test_it_is_put_away_and_found_again(portal):
    owner = portal.browser("owner")
    assert "first-steps" in owner.get("/overview").text
    owner.send("/guide/put-away")
    assert "first-steps" not in owner.get("/overview").text
    assert "No jobs yet" in owner.get("/overview").text
    assert 'href="/guide"' in owner.get("/help").text
    assert "first-steps" in owner.get("/guide").text
    assert "first-steps" not in portal.browser("owner").get("/overview").text  # on another device
    assert "first-steps" in portal.browser("colleague").get("/overview").text
    owner.get("/guide")
    owner.send("/guide/bring-back")
    assert "first-steps" in portal.browser("owner").get("/overview").text


def test_a_ticket_about_credit_is_begun(portal):
    page = portal.browser("owner").get("/tickets/new?subject=Is+there+credit%3F").text
    assert 'value="Is there credit?"' in page


def test_the_sample_job_learns_to_read(tmp_path):
    """The very program, on the very data, in a plain Python: most of what it never saw is read right."""
    request = digits_job("First model")
    assert JobRequest.model_validate(request.model_dump()) == request
    (tmp_path / "data").mkdir()
    (tmp_path / "out").mkdir()
    for name, content in sample_files().items():
        (tmp_path / "data" / name).write_bytes(content)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "data" / "digits.csv").read_text())))
    assert (len(rows), len(rows[0]), {row["digit"] for row in rows}) == (1797, 65, set("0123456789"))
    program = request.command.partition("\n")[2].rpartition("END\n")[0].replace("range(1, 11)", "range(1, 2)")
    environment = {"WUTONG_DATA_DIGITS_SAMPLE": str(tmp_path / "data"), "WUTONG_OUTPUTS": str(tmp_path / "out")}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout
    assert "epoch  1 of 10" in said
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["accuracy"] > 0.8
    assert len(json.loads((tmp_path / "out" / "model.json").read_text())["weights"]) == 10
