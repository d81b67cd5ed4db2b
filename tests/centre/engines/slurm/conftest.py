"""Two clusters for the tests of one process, each brought up when first asked for: one without accounting, one with it."""

import pytest
from tests.centre.engines.slurm.tenants.cast import settled, shared_root, tenants_lab  # noqa: F401 - fixtures, for tenants and checkup

from wutong.centre.engines.slurm.lab.checks import why_not
from wutong.centre.engines.slurm.lab.cluster import Lab


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("needs_slurm") and (reason := why_not(accounting=True, rest=True)):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab():
    """Eight nodes of eight accelerators, up in a quarter of a second; no accounting, no associations, no preemption."""
    Lab.end_abandoned()
    with Lab.start(accounting=False) as lab:
        yield lab


@pytest.fixture(scope="session")
def lab_accounting():
    """The same with accounting: jobs need an account; QOS, limits and preemption work."""
    Lab.end_abandoned()
    with Lab.start(accounting=True) as lab:
        yield lab
