"""What states, reasons and results come to."""

import pytest

from wutong.centre.engines.protocol import EndReason
from wutong.centre.engines.slurm import rules
from wutong.centre.engines.slurm.look import Picture
from wutong.centre.engines.slurm.rules import Job, Standing

MARK = "~m"


def record(job_id, state="PENDING", reason="Priority", user="u", name="n", count=0, node="n/a", started="N/A"):
    return f"{job_id}|{state}|{reason}|{user}|ai|1|{started}|N/A|{count}|0|{node}|{name}"


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        ("PENDING", Standing.PENDING),
        ("RUNNING", Standing.RUNNING),
        ("SUSPENDED", Standing.RUNNING),
        ("CONFIGURING", Standing.PREPARING),
        ("COMPLETING", Standing.COMPLETING),
        ("COMPLETED", Standing.ENDED),
        ("NODE_FAIL", Standing.ENDED),
        ("SPECIAL_EXIT", Standing.PENDING),
        ("RUNNING CONFIGURING", Standing.PREPARING),
        ("FAILED+COMPLETING", Standing.COMPLETING),
        ("PENDING,REQUEUED", Standing.PENDING),
        ("SOMETHING_NEW", Standing.STRANGE),
    ],
)
def test_states_of_all_versions(state, standing):
    assert rules.standing(state) is standing


@pytest.mark.parametrize(
    ("state", "result", "cancelled", "reason"),
    [
        ("COMPLETED", {"reason": "completed", "exit_code": 0}, False, EndReason.COMPLETED),
        ("FAILED", {"reason": "failed", "exit_code": 3}, False, EndReason.FAILED),
        ("FAILED", {"reason": "time_limit"}, False, EndReason.TIME_LIMIT),
        ("FAILED", {"reason": "out_of_memory"}, False, EndReason.OUT_OF_MEMORY),
        ("FAILED", {"reason": "cancelled"}, True, EndReason.CANCELLED),
        ("CANCELLED", {"reason": "preempted"}, False, EndReason.CANCELLED),
        ("TIMEOUT", {"reason": "preempted"}, False, EndReason.TIME_LIMIT),
        ("PREEMPTED", {"reason": "preempted"}, False, EndReason.PREEMPTED),
        ("NODE_FAIL", None, False, EndReason.NODE_LOST),
        ("OUT_OF_MEMORY", None, False, EndReason.OUT_OF_MEMORY),
        ("CANCELLED", None, True, EndReason.CANCELLED),
        ("FAILED", None, False, EndReason.ENGINE_FAULT),
        ("COMPLETED", None, False, EndReason.COMPLETED),
        ("CANCELLED by 0", {"reason": "completed", "exit_code": 0}, False, EndReason.COMPLETED),
        ("CANCELLED by 0", {"reason": "failed", "signal": 15}, False, EndReason.CANCELLED),
        ("CANCELLED by 0", {"reason": "failed", "signal": 15}, True, EndReason.CANCELLED),
        ("CANCELLED by 0", {"reason": "failed", "exit_code": 3}, False, EndReason.FAILED),
        ("OUT_OF_MEMORY", {"reason": "failed", "signal": 9}, False, EndReason.OUT_OF_MEMORY),
        ("FAILED", {"reason": "failed", "signal": 9}, False, EndReason.FAILED),
    ],
)
def test_why_a_run_ended(state, result, cancelled, reason):
    found = rules.outcome(state, 0, result, began=True, cancelled=cancelled, cancel_detail="")
    assert found.reason is reason
    assert found.detail.endswith(".") or result is not None


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_who_saved_its_work_and_ended_in_its_grace_gave_way(state):
    found = rules.outcome(state, 0, {"reason": "preempted", "exit_code": 0}, began=True, cancelled=False, cancel_detail="")
    assert found.reason is EndReason.PREEMPTED
    asked = rules.outcome(state, 0, {"reason": "preempted"}, began=True, cancelled=True, cancel_detail="")
    assert asked.reason is EndReason.CANCELLED


@pytest.mark.parametrize("claimed", ["node_lost", "engine_fault", "nonsense", None])
def test_what_frees_from_the_bill_is_not_taken_from_files_that_the_tenant_could_write(claimed):
    found = rules.outcome("FAILED", 256, {"reason": claimed}, began=True, cancelled=False, cancel_detail="")
    assert found.reason is EndReason.CANCELLED


def test_a_forged_result_cannot_break_anything():
    found = rules.outcome(
        "FAILED", 0, {"reason": "failed", "exit_code": "x", "signal": 2**99, "detail": ["a"]}, began=True, cancelled=False, cancel_detail=""
    )
    assert (found.exit_code, found.signal) == (None, None)


@pytest.mark.parametrize(
    ("known", "count", "state", "started", "anew"),
    [
        (100, 0, "RUNNING", 100, False),
        (100, 0, "RUNNING", 160, True),
        (100, 0, "PENDING", None, True),
        (100, 1, "PENDING", None, False),
        (None, 0, "RUNNING", 100, False),
        (100, 0, "COMPLETING", 160, False),
    ],
)
def test_a_start_that_the_controller_forgot_is_noticed(known, count, state, started, anew):
    job = Job("1", state, "None", "u", "n", started=started, count=count)
    assert rules.began_anew(known_started=known, known_count=0, job=job) is anew


@pytest.mark.parametrize("reason", ["Priority", "Resources", "QOSGrpGRES", "AssocGrpGRESMinutes", "ReqNodeNotAvail, UnavailableNodes:n1", "Anything"])
def test_every_reason_becomes_a_sentence(reason):
    sentence = rules.waiting_for(reason, 3)
    assert sentence.endswith(".")
    assert "QOS" not in sentence
    assert "Assoc" not in sentence


def test_only_what_changed_is_told_of():
    picture = Picture()
    changed, dropped = picture.take([record(1), record(2)])
    assert {job.id for job in changed} == {"1", "2"}
    changed, dropped = picture.take([record(1), record(2, state="RUNNING", node="x", started="5")])
    assert ([job.id for job in changed], dropped) == (["2"], [])
    changed, dropped = picture.take([record(1)])
    assert (changed, [job.id for job in dropped]) == ([], ["2"])


def test_an_id_that_was_given_to_another_is_not_found_and_counts_as_gone():
    picture = Picture()
    picture.take([record(15, name="ours")])
    _changed, dropped = picture.take([record(15, name="theirs", user="x")])
    assert [job.name for job in dropped] == ["ours"]
    assert picture.find("15", "ours", "u") is None
    assert picture.find("15", "theirs", "x") is not None


def test_ranks_follow_the_clusters_order_and_leave_out_what_is_held():
    picture = Picture()
    picture.take([record(9), record(3, reason="JobHeldUser"), record(4), record(5, state="RUNNING")])
    assert [picture.rank(job) for job in ("9", "3", "4", "5")] == [0, None, 1, None]
