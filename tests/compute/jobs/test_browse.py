"""What people ask of jobs they look at: lists with filters, counts, several at once, and how numbers went."""

import json

import pytest
from tests.compute.jobs.jobskit import run_of

from wutong.compute.jobs import browse, metrics, service
from wutong.compute.jobs.rules import JobFilters, JobState
from wutong.kit.errors import NotFound
from wutong.kit.paging import PageRequest


def test_an_array_is_one_in_the_counts_and_its_jobs_are_counted_apart(world, owner):
    world.submit(owner)
    parent = world.submit(owner, array="0-3")
    with world.database.session() as session:
        assert sum(browse.count_listed(session, owner).values()) == 2
        assert sum(browse.count_children(session, owner, parent).values()) == 4


def test_lists_are_narrowed_to_a_flavour_and_to_arrays(world, owner):
    small, array = world.submit(owner), world.submit(owner, flavour="npu.2", array="0-1")
    with world.database.session() as session:
        assert [job.id for job in service.list_jobs(session, owner, JobFilters(flavour="npu.1")).items] == [small.id]
        assert [job.id for job in service.list_jobs(session, owner, JobFilters(arrays=True)).items] == [array.id]


def test_several_jobs_come_in_the_order_asked_for_and_never_anothers(world, owner):
    first, second = world.submit(owner), world.submit(owner)
    other = world.submit(world.tenant("Other"))
    with world.database.session() as session:
        assert [job.id for job in browse.get_jobs(session, owner, [second.id, first.id])] == [second.id, first.id]
        with pytest.raises(NotFound):
            browse.get_jobs(session, owner, [first.id, other.id])
        with pytest.raises(NotFound):
            browse.count_children(session, owner, other)
        with pytest.raises(NotFound):
            browse.metric_source(session, owner, other.id)


def test_numbers_are_read_while_it_runs_and_from_its_outputs_afterwards(world, owner):
    job = world.submit(owner)
    world.run_loops()
    lines = [{"step": step, "loss": 1 / step} for step in range(1, 4)]
    world.outputs(run_of(job), {metrics.FILE: "\n".join(map(json.dumps, lines)).encode()})
    world.advance(1)
    expected = {"loss": [(1.0, 1.0), (2.0, 0.5), (3.0, 1 / 3)]}
    for ended in (False, True):
        if ended:
            world.advance(20)
        with world.database.session() as session:
            source = browse.metric_source(session, owner, job.id)
        assert (source.file is not None) is ended
        assert browse.read_series(world.blobs, source) == expected


def test_a_job_that_has_not_begun_has_no_numbers(world, owner):
    job = world.submit(owner)
    with world.database.session() as session:
        source = browse.metric_source(session, owner, job.id)
        assert browse.place(job, browse.list_trials(session, job)).waiting_for
    assert job.state is not JobState.RUNNING
    assert browse.read_series(world.blobs, source) == {}


def test_steps_are_told_or_counted_and_long_series_are_thinned():
    data = b'{"epoch": 3, "a": 1}\nno json\n{"a": 2, "b": NaN}\n' + b'{"a": 5}\n' * 5000
    series = metrics.parse_series(data, most=100)
    assert series["a"][:2] != []
    assert series["a"][0] == (3.0, 1.0)
    assert series["a"][-1] == (5003.0, 5.0)
    assert len(series["a"]) <= 101
    assert "b" not in series


def test_the_jobs_of_an_array_are_listed_by_index_page_by_page(world, owner):
    parent = world.submit(owner, array="0-4")
    seen: list[int | None] = []
    after = None
    with world.database.session() as session:
        while True:
            page = service.list_jobs(session, owner, JobFilters(parent_id=parent.id), PageRequest(2, after))
            seen += [job.array_index for job in page.items]
            after = page.next
            if after is None:
                break
        assert len(browse.children_ids(session, owner, parent)) == 5
    assert seen == [0, 1, 2, 3, 4]
