"""A lab comes up, runs jobs, survives what is done to it, and goes without a trace."""

import pytest

pytestmark = pytest.mark.needs_slurm


def test_a_job_is_given_the_accelerators_it_asks_for(lab, tmp_path_factory):
    out = lab.folder / "job.out"
    lab.run("sbatch", "--wait", "--gres=gpu:ascend910b:2", f"--output={out}", "--wrap=echo $SLURM_JOB_GPUS on $SLURMD_NODENAME")
    numbers, _, node = out.read_text().split()
    assert len(set(numbers.split(","))) == 2
    assert node in lab.node_names
