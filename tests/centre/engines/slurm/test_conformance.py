"""The promises of the protocol, held by the adapter on a real cluster, without accounting (with it: `test_accounting`)."""

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest, SlurmRig

from wutong.centre.engines.conformance import Conformance
from wutong.centre.engines.slurm.lab.cluster import Lab

pytestmark = pytest.mark.needs_slurm


@pytest.fixture(scope="module")
def small_lab():
    """Few accelerators: the suite fills the cluster several times over."""
    with Lab.start(nodes=2, accelerators={"ascend910b": 2}, accounting=False) as lab:
        yield lab


@pytest.fixture(scope="module")
def cluster(small_lab):
    cluster = ClusterUnderTest(small_lab)
    yield cluster
    cluster.close()


class TestSlurm(Conformance):
    @pytest.fixture(autouse=True)
    def _rig(self, cluster):
        self.rig = SlurmRig(cluster)
