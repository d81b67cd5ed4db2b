"""The honest queue of a whole centre: a job that waits is told when it starts, on its page and beforehand, once enough is known."""

import time

import pytest
from tests.flows.stage import Tenant

from wutong.sdk import catalogue, jobs
from wutong.sdk.jobs import JobRequest, JobState

PATIENCE_S = 90
ENOUGH = 20


@pytest.mark.slow
def test_a_job_that_waits_is_told_when_it_starts(tenant: Tenant):
    tenant.ended(tenant.submit("true", array=f"0-{ENOUGH}"))
    holding = [tenant.submit("sleep 300", time_limit_s=600) for _ in range(4)]
    waits = tenant.submit("true", time_limit_s=60)
    try:
        told = _await(lambda: jobs.get(tenant.client, waits.id), lambda job: job.expected_start is not None)
        assert told.state is JobState.QUEUED
        assert told.expected_start is not None
        assert told.expected_start_bound is None or told.expected_start_bound >= told.expected_start
        assert [job.expected_start is not None for job in jobs.list_jobs(tenant.client) if job.id == waits.id] == [True]
        request = JobRequest(name="next", command="true", flavour="cpu.1", time_limit_s=60)
        before = _await(lambda: jobs.estimate(tenant.client, request), lambda cost: cost.expected_wait_s is not None)
        assert before.expected_wait_s is not None
        flavours = {flavour.name: flavour for flavour in catalogue.list_flavours(tenant.client)}
        assert flavours["cpu.1"].expected_wait_s is not None
    finally:
        for job in (waits, *holding):
            jobs.cancel(tenant.client, job.id)
    for job in (waits, *holding):
        assert tenant.ended(job).expected_start is None


def _await(look, good):
    """Look until it is good; what is foretold follows the queue with a few seconds' delay."""
    end = time.monotonic() + PATIENCE_S
    while not good(found := look()) and time.monotonic() < end:
        time.sleep(0.2)
    assert good(found), found
    return found
