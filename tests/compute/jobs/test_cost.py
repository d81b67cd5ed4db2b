"""What the tracker's statements cost follows the jobs that move, not the jobs that there are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.compute.jobs.jobskit import World

from wutong.compute.jobs import store
from wutong.compute.jobs.rules import JobState
from wutong.identity.rules import Principal

ALIKE = """
    INSERT INTO compute_job SELECT (jsonb_populate_record(CAST(NULL AS compute_job), to_jsonb(j) || jsonb_build_object('id', j.id || '-' || n))).*
    FROM compute_job j, generate_series(1, :count) AS n WHERE j.id = :id"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.parametrize("analysed", [True, False])
def test_moving_jobs_reads_those_that_move_once_however_many_are_alike(world: World, owner: Principal, analysed: bool) -> None:
    job = world.submit(owner)
    seen: list[tuple[str, Any]] = []
    with world.database.session() as session:
        session.execute(text(ALIKE), {"count": 500, "id": job.id})
        if analysed:
            session.execute(text("ANALYZE compute_job"))
    there = [replace(job, id=f"{job.id}-{number}") for number in range(1, 4)]
    with world.database.session() as session:
        listen = session.connection().engine
        event.listen(listen, "before_cursor_execute", keep := lambda *args: seen.append((args[2], args[3])))
        moved = [(each, replace(each, state=JobState.RUNNING)) for each in there]
        assert store.write_moves(session, moved, []) == {each.id for each in there}
        event.remove(listen, "before_cursor_execute", keep)
    statement, values = next(found for found in seen if "jsonb_populate_record(" in found[0])
    others = {key: value.replace(f"{job.id}-", f"{job.id}-1") if isinstance(value, str) else value for key, value in values.items()}
    with world.database.session() as session:
        told = session.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", others).scalar_one()
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    read = [node["Actual Loops"] for node in nodes(plan) if node.get("Function Name") == "jsonb_populate_record"]
    assert read == [3], "each job that moves is read once, not once for every job in the same state"
