"""The pages of jobs: the list, the form beside the same job as YAML, one job, several side by side."""

import re
from typing import Any

import pytest
from tests.web.conftest import Portal, statements

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import JobRequest
from wutong.compute.jobs.rules import Job
from wutong.identity import service as identity

HOSTILE = '<script>alert(1)<!--"><img src=x onerror=alert(2)>训练'
FORM = {
    "from": "form",
    "name": "train",
    "command": "python train.py",
    "flavour": "cpu.1",
    "environment": "python-3.11",
    "time_limit": "5",
    "time_unit": "min",
}


def submitted(portal: Portal, who: str = "owner", **more: Any) -> Job:
    """Submit a job as somebody."""
    request = JobRequest(**{"name": "train", "command": "true", "flavour": "cpu.1", **more})
    with portal.context.database.session() as session:
        principal = identity.authenticate(session, portal.people[who].secret or "")
        return jobs.submit_job(session, principal, request, limits=portal.context.job_limits)


def form_key(page: str) -> str:
    """Return the idempotency key of a form."""
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_first_visit_leads_to_the_sample_job(portal: Portal):
    page = portal.browser("owner").get("/jobs").text
    assert "No jobs yet" in page
    assert 'href="/jobs/new?sample=1"' in page
    assert "还没有作业" in portal.browser("owner", "zh").get("/jobs").text


def test_the_sample_job_is_ready_to_be_sent(portal: Portal):
    browser = portal.browser("owner")
    page = browser.get("/jobs/new?sample=1").text
    assert "First job" in page
    assert "metrics.jsonl" in page
    assert 'name="flavour" value="cpu.1" checked' in page


def test_a_job_is_submitted_from_the_form_once_however_often_it_is_sent(portal: Portal):
    browser = portal.browser("owner")
    key = form_key(browser.get("/jobs/new").text)
    first = browser.send("/jobs/new", {**FORM, "key": key}).headers["location"]
    assert browser.send("/jobs/new", {**FORM, "key": key}).headers["location"] == first
    page = browser.get(first).text
    assert "python train.py" in page
    assert browser.get("/jobs").text.count('class="row-link') == 1


def test_a_form_that_was_changed_after_it_was_sent_gets_a_new_key(portal: Portal):
    browser = portal.browser("owner")
    key = form_key(browser.get("/jobs/new").text)
    browser.send("/jobs/new", {**FORM, "key": key})
    page = browser.send("/jobs/new", {**FORM, "name": "other", "key": key}, status=409).text
    assert "has made the job" in page
    assert 'value="other"' in page
    assert form_key(page) != key


def test_a_job_is_submitted_from_its_yaml(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/jobs/new")
    where = browser.send(
        "/jobs/new", {"from": "yaml", "yaml": "name: 训练\ncommand: |\n  python a.py\n  echo done\nlabels: {project: road}\n"}
    ).headers["location"]
    page = browser.get(where).text
    assert "训练" in page
    assert "project=road" in page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({**FORM, "name": ""}, "name: It is needed."),
        ({**FORM, "nodes": "many"}, "nodes: Write a whole number."),
        ({**FORM, "flavour": "gpu.9"}, "There is no flavour gpu.9"),
        ({**FORM, "dataset_ref": "nothing@3"}, "there is no dataset nothing@3"),
        ({**FORM, "env": "A"}, "env: Write NAME=value"),
        ({**FORM, "secrets": "UNSET"}, "secrets: UNSET is not set"),
        ({"from": "yaml", "yaml": "name: ["}, "This is not valid YAML"),
    ],
)
def test_what_is_refused_is_told_and_nothing_typed_is_lost(portal: Portal, form: dict[str, object], sentence: str):
    browser = portal.browser("owner")
    browser.get("/jobs/new")
    answer = browser.send("/jobs/new", {**form, "labels": "kept=yes"}, status=422 if "flavour gpu.9" not in sentence else 404)
    assert sentence in answer.text.replace("&#39;", "'")
    assert "kept=yes" in answer.text
    assert "No jobs yet" in browser.get("/jobs").text


def test_without_scripts_the_estimate_comes_with_the_form(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/jobs/new")
    page = browser.send("/jobs/new", {**FORM, "from": "look"}, status=200).text
    assert "¥0.50" in page
    assert "At most" in page


def test_the_estimate_says_all_that_is_wrong_at_once(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/jobs/new")
    form = {**FORM, "dataset_ref": "nothing@3", "environment": "no-such", "nodes": "900"}
    page = browser.send("/jobs/new/estimate", form, status=200).text
    assert "no dataset nothing@3" in page
    assert "no environment no-such" in page
    assert "900 nodes" in page


def test_form_and_yaml_follow_each_other(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/jobs/new")
    seen = browser.send("/jobs/new/preview", {**FORM, "secrets": "TOKEN"}, status=200).json()
    assert seen["yaml"] == "name: train\ncommand: python train.py\ntime_limit_s: 300\nsecrets:\n- TOKEN\n"
    back = browser.send("/jobs/new/preview", {"from": "yaml", "yaml": seen["yaml"]}, status=200).json()
    assert back["fields"]["time_limit"] == ["5"]
    assert back["fields"]["secrets"] == ["TOKEN"]
    wrong = browser.send("/jobs/new/preview", {"from": "yaml", "yaml": "name: x\nnodes: 0\ncommand: y"}, status=200).json()
    assert wrong["problems"][0].startswith("nodes: ")
    assert "yaml" not in wrong


def test_a_clone_begins_with_the_same_request(portal: Portal):
    job = submitted(portal, command="python deep.py", labels={"project": "road"}, time_limit_s=7200)
    page = portal.browser("owner").get(f"/jobs/new?clone={job.id}").text
    assert "python deep.py" in page
    assert "project=road" in page
    assert 'name="time_limit" type="number" inputmode="numeric" min="1" value="2"' in page


def test_the_list_is_narrowed_by_its_address(portal: Portal):
    submitted(portal, name="alpha", labels={"project": "road"})
    submitted(portal, who="colleague", name="beta", flavour="cpu.2")
    submitted(portal, name="gamma", array="0-2")
    browser = portal.browser("owner")
    expected = {"name=alp": {"alpha"}, "mine=1": {"alpha", "gamma"}, "label=project%3Droad": {"alpha"}, "flavour=cpu.2": {"beta"}}
    expected |= {"array=1": {"gamma"}, "state=failed": set(), "state=nonsense": {"alpha", "beta", "gamma"}}
    for query, names in expected.items():
        page = browser.get(f"/jobs?{query}").text
        assert {name for name in ("alpha", "beta", "gamma") if f">{name}</a>" in page} == names, query
    assert "No matching jobs" in browser.get("/jobs?state=failed").text


def test_the_list_goes_on_after_a_cursor_and_keeps_its_filters(portal: Portal):
    for number in range(3):
        submitted(portal, name=f"job-{number}")
    browser = portal.browser("owner")
    page = browser.get("/jobs?limit=2&mine=1").text
    onward = re.search(r'rel="next" href="([^"]+)"', page)
    assert onward
    rest = browser.get(onward[1].replace("&amp;", "&")).text
    assert ("job-2" in page, "job-0" in page, "job-0" in rest, "mine=1" in onward[1]) == (True, False, True, True)


def test_a_job_tells_where_it_stands_and_what_was_asked_for(portal: Portal):
    job = submitted(portal, name="train road", checkpoint=None)
    page = portal.browser("owner").get(f"/jobs/{job.id}").text
    for words in (
        "train road",
        "Accepted",
        "Cancel the job",
        f"/jobs/new?clone={job.id}",
        "Submission",
        'data-island="logview"',
        f"/bill/jobs/{job.id}",
    ):
        assert words in page
    part = portal.browser("owner").get(f"/jobs/{job.id}/part").text
    assert "Accepted" in part
    assert "<html" not in part


def test_cancelling_is_told_and_can_be_done_once(portal: Portal):
    job = submitted(portal)
    browser = portal.browser("owner")
    browser.get(f"/jobs/{job.id}")
    browser.send(f"/jobs/{job.id}/cancel")
    page = browser.get(f"/jobs/{job.id}").text
    assert "Cancelled by owner." in page
    assert "Cancel the job" not in page
    assert "由 owner 取消" in portal.browser("owner", "zh").get(f"/jobs/{job.id}").text


def test_an_array_shows_its_jobs_by_state(portal: Portal):
    job = submitted(portal, name="sweep", array="0-4%2")
    browser = portal.browser("owner")
    page = browser.get(f"/jobs/{job.id}").text
    assert page.count('name="id"') == 5
    assert 'data-island="logview"' not in page
    assert "None of its jobs" in browser.get(f"/jobs/{job.id}?state=failed").text


def test_jobs_are_compared_where_they_differ(portal: Portal):
    one, two = submitted(portal, name="one", env={"RATE": "0.1"}), submitted(portal, name="two", env={"RATE": "0.2"})
    browser = portal.browser("viewer")
    page = browser.get(f"/jobs/compare?id={one.id}&id={two.id}").text
    assert '<th scope="row" class="mono">env</th>' in page
    assert '<th scope="row" class="mono">flavour</th>' not in page
    assert "Choose 2 to 6 jobs" in browser.get(f"/jobs/compare?id={one.id}", status=422).text


def test_who_may_see_and_do_what(portal: Portal):
    job = submitted(portal)
    reads = ["", "/part", "/log", "/log/download", "/metrics", "/children"]
    for name, status in (("viewer", 200), ("colleague", 200), ("stranger", 404), ("operator", 403)):
        for path in reads:
            portal.browser(name).get(f"/jobs/{job.id}{path}", status=status)
    assert portal.browser().get(f"/jobs/{job.id}", status=303).headers["location"].startswith("/sign-in")
    for name, status in (("viewer", 403), ("colleague", 403), ("stranger", 404), ("owner", 303)):
        browser = portal.browser(name)
        browser.get("/jobs")
        browser.send(f"/jobs/{job.id}/cancel", status=status)
    assert "New job" not in portal.browser("viewer").get("/jobs").text
    portal.browser("viewer").get("/jobs/new", status=403)
    portal.browser("stranger").get(f"/jobs/new?clone={job.id}", status=404)
    other = submitted(portal, who="stranger")
    portal.browser("owner").get(f"/jobs/compare?id={job.id}&id={other.id}", status=404)


def test_what_people_write_stays_text(portal: Portal):
    job = submitted(portal, name=HOSTILE, command=HOSTILE, env={"A": HOSTILE}, labels={"project": "<b>x</b>"})
    browser = portal.browser("owner")
    for path in ("/jobs", f"/jobs/{job.id}", f"/jobs/{job.id}/part", f"/jobs/new?clone={job.id}", "/jobs?name=%3Cscript%3Ex%22%3E"):
        page = browser.get(path).text
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert "<b>x</b>" not in page


def test_the_log_is_given_in_pieces_with_its_size(portal: Portal):
    job = submitted(portal)
    answer = portal.browser("owner").get(f"/jobs/{job.id}/log?attempt=1&rank=0&offset=0&limit=10")
    assert answer.headers["x-log-size"] == "0"
    assert answer.headers["x-log-complete"] == "false"
    assert answer.headers["content-type"].startswith("text/plain")
    portal.browser("owner").get(f"/jobs/{job.id}/log?attempt=9", status=404)
    portal.browser("owner").get(f"/jobs/{job.id}?attempt=9", status=404)


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs/part", "/jobs/new", "/jobs/{id}", "/jobs/{id}/part", "/jobs/compare?id={id}&id={other}", "/jobs/{array}"]
)
def test_a_page_asks_the_database_little_however_many_rows(portal: Portal, path: str):
    made = [submitted(portal, name=f"job-{number}") for number in range(8)]
    array = submitted(portal, array="0-3")
    browser = portal.browser("owner")
    place = path.format(id=made[0].id, other=made[1].id, array=array.id)
    browser.get(place)
    with statements(portal) as seen:
        browser.get(place)
    assert len(seen) <= 12, "\n".join(statement.strip()[:100] for statement in seen)
