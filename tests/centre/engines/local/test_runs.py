"""The agent's runs, drawn from records and folders without any process."""

import json

import pytest

from wutong.centre.engines.local.folders import Home
from wutong.centre.engines.local.queue import Need
from wutong.centre.engines.local.records import Records
from wutong.centre.engines.local.runs import Runs
from wutong.centre.engines.local.sandbox import Sandbox
from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.usage import windows

STARTED = 1_800_000_000_000


@pytest.fixture
def runs(tmp_path):
    return Runs(
        Home(tmp_path), Records(tmp_path / "agent.db", 60), total=Need(4, 4, 4096), sandbox=Sandbox("none"), key_file=None, half_life_s=3600.0
    )


@pytest.mark.parametrize(("ended", "lasted"), [(STARTED + 59_990, 60_000), (STARTED + 61_000, 61_000)])
def test_a_job_that_ended_just_before_its_window_was_reported_has_a_last_record(runs, ended, lasted):
    runs.records.add(RunSpec(name="one", tenant="tenant", argv=("true",)), STARTED)
    runs.records.change("one", phase="running", devices="0", started_ms=STARTED)
    runs.records.add_usage("one", 0, 1, windows(STARTED, STARTED + 60_000, window_ms=60_000, ended=False))
    folder = runs.home.run("one")
    folder.path.mkdir(parents=True)
    folder.result(0).write_text(json.dumps({"reason": "completed", "exit_code": 0, "started_ms": STARTED, "ended_ms": ended}))
    runs.recover()
    row, records = runs.records.find("one"), runs.records.list_usage(0, 10)
    assert row["phase"] == "ended"
    assert row["ended_ms"] - row["started_ms"] == sum(record["used_ms"] for record in records) == lasted
    assert [record["final"] for record in records][-1] == 1
