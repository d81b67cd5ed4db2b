"""What Slurm's programs print, as 22.05 printed it, read; and the shapes of newer versions."""

from pathlib import Path

import pytest

from wutong.centre.engines.slurm import parse
from wutong.centre.engines.slurm.rules import Job, Past, Standing

CAPTURED = Path(__file__).parent / "captured"
MARK = "~1f2e3d4c5b6a7988"


def text(name):
    return (CAPTURED / name).read_text()


def jobs(name):
    return [parse.job(record) for record in parse.queue_records(text(name), MARK)]


POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


def test_reads_the_queue():
    found = {job.name: job for job in jobs("squeue-22.05.txt")}
    assert found["running"] == Job(
        "13", "RUNNING", "None", "root", "running", 1795328075, 1795328076, 1795331676, count=0, exit_status=0, node="labn1", partition="ai"
    )
    assert (found["held"].reason, found["held"].started, found["held"].node) == ("JobHeldUser", None, "")
    assert (found["ended-badly"].standing, found["ended-badly"].exit_status) == (Standing.ENDED, 7 << 8)
    assert (found["killed"].exit_status, found["cancelled-early"].node) == (9, "")


def test_a_name_with_a_false_line_in_it_is_a_name():
    found = {job.id: job for job in jobs("squeue-22.05.txt")}
    assert "99" not in found
    assert found["15"].name == "evil\n99|RUNNING|None|nobody|ai|1|1|N/A|0|0|n1|centre-7-1"
    assert found["16"].name == 'bar|and %i "quoted" 名前'
    assert len(found) == len(jobs("squeue-22.05.txt")) == 17


def test_arrays_and_jobs_of_several_parts_have_ids_of_their_own():
    ids = [job.id for job in jobs("squeue-22.05.txt")]
    assert [job_id for job_id in ids if job_id.startswith("17")] == ["17_1", "17_0", "17_3", "17_2"]
    assert [job_id for job_id in ids if job_id.startswith("18")] == ["18+0", "18+1"]


def test_waiting_jobs_come_in_the_order_in_which_they_will_start():
    waiting = [job.name for job in jobs("squeue-22.05.txt") if job.standing is Standing.PENDING and job.reason in {"Priority", "Resources"}]
    assert waiting == ["requeued", "wide"]


def test_a_requeued_job_counts_one_more_from_the_moment_it_is_cleared_away():
    completing = next(job for job in jobs("squeue-22.05-completing.txt") if job.name == "requeued-running")
    waiting = next(job for job in jobs("squeue-22.05-requeued.txt") if job.name == "requeued-running")
    assert (completing.standing, completing.count) == (Standing.COMPLETING, 1)
    assert (waiting.standing, waiting.count, waiting.reason) == (Standing.PENDING, 1, "BeginTime")


def test_what_is_cut_off_is_not_a_record():
    assert parse.queue_records("1|RUNNING|None", MARK) == []
    assert parse.job("1|RUNNING|None") is None


def test_reads_the_accounting():
    found = list(parse.pasts(text("sacct-22.05.txt"), MARK))
    requeued = [past for past in found if past.name == "requeued-running"]
    assert requeued == [
        Past(
            id="28",
            state="REQUEUED",
            user="root",
            name="requeued-running",
            submitted=1795328098,
            started=1795328099,
            ended=1795328100,
            node="labn1",
            account="root",
            partition="ai",
            trackable="billing=1,cpu=1,gres/gpu:ascend910b=1,gres/gpu=1,mem=100M,node=1",
        )
    ]
    cancelled = next(past for past in found if past.name == "cancelled")
    assert (cancelled.state, cancelled.node) == ("CANCELLED", "")
    running = next(past for past in found if past.name == "running")
    assert (running.state, running.ended) == ("RUNNING", None)
    assert next(past for past in found if past.name == "ended-badly").exit_status == 7 << 8


def test_a_name_with_a_line_end_in_it_stays_one_start_in_the_accounting():
    first, second = "~m".join([*list("123456789"), "n1", "cpu=1", "a"]), "~m".join([*"abcdefghijk", "b"])
    found = list(parse.pasts(f"{first}\n7~mRUNNING\n{second}\n", "~m"))
    assert [past.name for past in found] == ["a\n7~mRUNNING", "b"]


def test_reads_nodes():
    first, _second = parse.nodes(text("sinfo-22.05.txt"))
    assert (first.name, first.cpus, first.memory_mb, first.accelerators, first.version) == ("labn1", 32, 64000, {"ascend910b": 2}, "22.05.8")
    assert first.up


@pytest.mark.parametrize(
    ("gres", "kinds"),
    [
        ("gpu:ascend910b:8(S:0-1)", {"ascend910b": 8}),
        ("gpu:a100:2(S:0,1),gpu:l40s:4,nic:1", {"a100": 2, "l40s": 4}),
        ("gpu:4", {"": 4}),
        ("(null)", {}),
        ("npu:8", {}),
    ],
)
def test_reads_accelerators(gres, kinds):
    assert parse.accelerators(gres) == kinds


def test_reads_settings():
    settings = parse.settings(text("config-22.05.txt"))
    assert settings["AccountingStorageType"] == "accounting_storage/slurmdbd"
    assert settings["ClusterName"] == "lab"


@pytest.mark.parametrize(
    ("conf", "places"),
    [
        ("SlurmctldHost=a(10.0.0.1)\nSlurmctldHost=b\nSlurmctldPort=7000-7003\n", [("10.0.0.1", 7000), ("b", 7000)]),
        ("slurmctldhost = a # the first\n", [("a", 6817)]),
        ("Include common.conf\n", []),
        ("", []),
    ],
)
def test_reads_where_controllers_listen(conf, places):
    assert parse.controllers(conf) == places


@pytest.mark.parametrize(("said", "job"), [("15\n", "15"), ("15;cluster\n", "15"), ("", None), ("sbatch: error", None)])
def test_reads_the_id_of_a_submission(said, job):
    assert parse.submitted_id(said) == job


def test_reads_which_jobs_of_a_list_were_not_released():
    said = "Job has already finished for job 629\nUnexpected message received for job 483\nslurm_suspend error: No error\n"  # Slurm 22.05
    assert parse.not_released(said) == {"629", "483"}
    assert parse.not_released("slurm_suspend error: Unable to contact slurm controller (connect failure)\n") == set()


@pytest.mark.parametrize(
    ("error", "final"),
    [
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available", True),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", False),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", False),
        (f"sbatch: error: AssocGrpSubmitJobsLimit\nsbatch: error: Batch job submission failed: {POLICY}", False),
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: {POLICY}", False),
        (f"sbatch: error: QOSMaxGRESPerJob\nsbatch: error: Batch job submission failed: {POLICY}", True),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying", False),
    ],
)
def test_tells_refusals_from_what_may_work_another_time(error, final):
    sentence = parse.refusal(error)
    assert (sentence is not None) == final
    assert sentence is None or sentence.endswith(".")
