"""A steward for each test; the cluster and its tenants are one for all."""

import pytest
from tests.centre.engines.slurm.tenants.cast import a_steward


@pytest.fixture
def steward(tenants_lab):
    """The steward of a centre of the test's own."""
    return a_steward(tenants_lab)
