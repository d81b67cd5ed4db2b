"""Which jobs were given a version: one's own only, an array as one, found by the index."""

from sqlalchemy import text

from wutong.compute.jobs.requests import DataMount
from wutong.compute.jobs.uses import uses_of


def test_jobs_that_were_given_a_version_are_found(world, owner):
    first, second = world.data(owner, "digits", {"a": b"digits"}), world.data(owner, "roads", {"a": b"roads"})
    job = world.submit(owner, datasets=(DataMount("digits"),))
    array = world.submit(owner, datasets=(DataMount("digits"),), array="0-2")
    world.submit(owner)
    with world.database.session() as session:
        assert [use.job_id for use in uses_of(session, owner, [first])] == [array.id, job.id]
        assert [use.job_id for use in uses_of(session, owner, [first, second], limit=1)] == [array.id]
        assert uses_of(session, owner, [second]) == []
        assert uses_of(session, owner, []) == []
        assert uses_of(session, world.tenant("Other"), [first]) == []


def test_the_index_serves(world, owner):
    version = world.data(owner, "digits", {"a": b"digits"})
    with world.database.session() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.execute(text("SET LOCAL enable_indexscan = off"))
        session.execute(text("DROP INDEX ix_compute_job_list"))  # of as many rows here; undone below
        plan = "EXPLAIN SELECT id FROM compute_job WHERE parent_id IS NULL AND inputs <> '[]'::jsonb AND (inputs @> :one OR inputs @> :two)"
        lines = session.scalars(text(plan), {"one": f'[{{"version_id": "{version}"}}]', "two": '[{"version_id": "x"}]'}).all()
        session.rollback()
    assert any("ix_compute_job_inputs" in line for line in lines), lines
