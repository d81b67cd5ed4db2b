"""Whose an account on a cluster is: a tenant's that exists, its own or a project's; nobody's where we keep no accounts."""

from tests.api.callers import credit_code

from wutong.app.clusters import tenant_of
from wutong.centre.engines.slurm.tenants import names
from wutong.identity import service as identity
from wutong.kit.settings import Settings, SlurmCluster


def test_an_account_is_its_tenants(session, tmp_path):
    clusters = (SlurmCluster(conf=tmp_path, root=tmp_path), SlurmCluster(conf=tmp_path, root=tmp_path, name="other", accounts=False))
    settings = Settings(home=tmp_path, centre="wuhan", slurm=clusters)
    about = {"kind": "enterprise", "person_name": "A", "email": "a@example.cn", "password_hash": "x"}
    tenant, _ = identity.register_tenant(session, name="House", credit_code=credit_code(7), **about)
    find, own = tenant_of(settings), names.tenant_account("wuhan", tenant.id)
    assert find(session, "slurm", own) == tenant.id
    assert find(session, "slurm", names.project_account("wuhan", tenant.id, "maps")) == tenant.id
    assert find(session, "other", own) is None
    for account in (tenant.id, f"beijing-{tenant.id}", "wuhan-ten_nobody", "root", "wuhan-", ""):
        assert find(session, "slurm", account) is None
