"""Jobs of raw Slurm for tests of the cluster itself."""

import re

from wutong.centre.engines.slurm.lab.processes import wait_for


def submit(lab, script, *options):
    """Submit a shell script and return the job's id; its output goes where nobody looks unless an option says otherwise."""
    return lab.run("sbatch", "--parsable", "--output=/dev/null", *options, stdin=f"#!/bin/sh\n{script}\n").stdout.strip()


def hold(lab, *options):
    """Allocate resources without a process, and return the job's id: at once, where the first batch job of a new lab waits three seconds."""
    job = re.search(r"Granted job allocation (\d+)", lab.run("salloc", "--no-shell", *options).stderr)[1]
    assert state(lab, job) == "RUNNING"
    return job


def state(lab, job):
    return lab.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").stdout.strip()


def wait_until(lab, job, *states, limit_s=40):
    """Wait until the job is in one of the states and return it; fails with what it is in instead."""
    wait_for(lambda: state(lab, job) in states, limit_s=limit_s, tick_s=0.05)
    reached = state(lab, job)
    assert reached in states, lab.run("scontrol", "show", "job", job).stdout
    return reached


def output_of(lab, script, *options):
    """Run a job to its end and return what it wrote."""
    path = lab.folder / "log" / "job.out"
    path.unlink(missing_ok=True)
    wait_until(lab, submit(lab, script, *options, f"--output={path}"), "COMPLETED")
    return path.read_text()
