"""Tenants on the real cluster with accounting: two that trust each other in nothing, kept in place by a steward."""

import secrets
import shutil
from pathlib import Path

import pytest

from wutong.centre.engines.slurm.tenants.identities import ExistingIdentities
from wutong.centre.engines.slurm.tenants.policy import usual_policy
from wutong.centre.engines.slurm.tenants.rules import ServiceClass, TenantWish
from wutong.centre.engines.slurm.tenants.steward import Steward, over
from wutong.centre.engines.slurm.transport import Transport

TENANTS = {"good": "wutong-lab-good", "evil": "wutong-lab-evil"}
FIRST_UID = 263_001


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


@pytest.fixture
def steward(lab_accounting):
    return a_steward(lab_accounting)


@pytest.fixture(scope="session")
def shared_root():
    """A folder as all nodes would share it: outside /tmp, because that may be each job's own."""
    root = Path(f"/var/tmp/wutong-shared-{secrets.token_hex(4)}")
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def settled(lab_accounting, shared_root):
    """A steward whose tenants `good` and `evil` are in place, with their folders."""
    steward = a_steward(lab_accounting, root=shared_root)
    outcome = steward.step([TenantWish(tenant) for tenant in TENANTS])
    assert outcome.failures == ()
    return steward
