"""Tenants on a real cluster: two that trust each other in nothing, kept in place by a steward. One cluster for all tests that play with them."""

import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.lab.problems import CannotConfine
from wutong.centre.engines.slurm.tenants.identities import ExistingIdentities
from wutong.centre.engines.slurm.tenants.policy import usual_policy
from wutong.centre.engines.slurm.tenants.rules import ServiceClass, TenantWish
from wutong.centre.engines.slurm.tenants.steward import Steward, over
from wutong.centre.engines.slurm.transport import Transport

TENANTS = {"good": "wutong-lab-good", "evil": "wutong-lab-evil"}
FIRST_UID = 263_001


def wait_for(condition):
    """Wait until something holds; a program that sleeps is the limit of patience."""
    patience = subprocess.Popen(["sleep", "60"])
    try:
        while not condition():
            assert patience.poll() is None, "it did not come about"
    finally:
        patience.kill()
        patience.wait()


def a_steward(lab, **changes):
    """Return the steward of a centre that no other test knows."""
    for number, user in enumerate(TENANTS.values()):
        lab.make_user(user, FIRST_UID + number)
    identities = ExistingIdentities("wutong-lab-{tenant}")
    # Two classes of the five: each costs a call of half a second.
    policy = {name: each for name, each in usual_policy(grace_s=0).items() if name in {ServiceClass.IDLE, ServiceClass.NORMAL}}
    usual = {
        "run": over(Transport(lab.slurm_conf, limit_s=60)),
        "cluster": lab.name,
        "centre": f"c{secrets.token_hex(3)}",
        "identities": identities,
        "policy": policy,
    }
    return Steward(**{**usual, **changes})


@pytest.fixture(scope="session")
def tenants_lab():
    """A cluster that confines jobs as far as this host can: control groups, devices of its nodes' own, a /tmp for each job."""
    try:
        lab = Lab.start(nodes=4, cgroup=True, private_tmp=True, devices="own")
    except CannotConfine:
        lab = Lab.start(nodes=4)
    with lab:
        yield lab


@pytest.fixture(scope="session")
def shared_root():
    """A folder as all nodes would share it: outside /tmp, because that may be each job's own."""
    root = Path(f"/var/tmp/wutong-shared-{secrets.token_hex(4)}")
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def settled(tenants_lab, shared_root):
    """A steward whose tenants `good` and `evil` are in place, with their folders. For tests that change nothing."""
    steward = a_steward(tenants_lab, root=shared_root)
    outcome = steward.step([TenantWish(tenant) for tenant in TENANTS])
    assert outcome.failures == ()
    return steward
