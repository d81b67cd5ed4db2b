"""Addresses of nodes, read from what Slurm 22.05.8 says of them."""

from wutong.centre.engines.slurm.runner import nodes

SAID = (
    "NodeName=labn1 Arch=x86_64 CoresPerSocket=1  CPUAlloc=2 CPUTot=32 Gres=gpu:ascend910b:4 NodeAddr=127.0.0.1 NodeHostName=vm Port=11016\n"
    "NodeName=labn2 CoresPerSocket=1  CPUAlloc=0 CPUTot=32 CPULoad=N/A NodeAddr=10.0.0.2 NodeHostName=vm State=DOWN* Reason=Not responding\n"
)


def test_each_node_has_its_address():
    assert nodes.addresses(SAID) == {"labn1": "127.0.0.1", "labn2": "10.0.0.2"}


def test_a_node_that_is_hidden_from_the_tenant_has_none():
    assert nodes.addresses("") == {}
