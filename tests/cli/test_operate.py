"""What the centre's own people change by command: payments, packages, pools, machines, flavours, quotas, tenants, roles; and a tenant its members."""

import json
import secrets

import pytest
from tests.flows.stage import Person, Tenant


@pytest.fixture
def owner(newcomer: Person, tenant: Tenant) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    newcomer.quick("login", "--token", tenant.account.token)
    return newcomer


def test_a_refund_asks_first_and_counts_once(finance: Person, owner: Person, tenant: Tenant):
    words = ("admin", "refund", tenant.account.tenant_id, "100", "--reference", f"back-{secrets.token_hex(6)}")
    assert "Add --yes" in finance.quick(*words, status=1).err
    assert "¥100.00 recorded as paid back" in finance.quick(*words, "--yes").out
    assert finance.quick(*words, "--yes", "--json").json["kind"] == "refund"
    assert owner.ask("balance")["cash_fen"] == 1_000_000 - 10_000
    much = finance.quick(*words[:3], "99999", "--reference", f"much-{secrets.token_hex(6)}", "--yes", status=1)
    assert "This needs ¥99,999.00, but only ¥9,900.00 may be used for it." in much.err.replace("\n", " ")
    assert "does not allow" in owner.quick(*words, "--yes", status=1).err


def test_a_package_goes_on_sale_and_off(finance: Person, owner: Person):
    name = f"pack #{secrets.token_hex(4)}"
    words = ("admin", "offer", "add", name, "12", "--accelerator", "cpu-slot", "--card-hours", "10", "--days", "30")
    assert "10 card-hours for ¥12.00" in finance.quick(*words).out
    assert "is or was a package" in finance.quick(*words, status=1).err
    assert name in [offer["name"] for offer in owner.ask("order", "offers")]
    assert "Add --yes" in finance.quick("admin", "offer", "end", name, status=1).err
    finance.quick("admin", "offer", "end", name, "--yes")
    assert name not in [offer["name"] for offer in owner.ask("order", "offers")]
    assert "card_hours" in finance.quick(*words[:-4], "--card-hours", "0", "--days", "1", status=1).err
    odd = finance.quick("admin", "offer", "add", "odd", "12", "--accelerator", "moon", "--card-hours", "10", "--days", "30", status=1)
    assert "accelerator: There is no accelerator moon. Choose one of: cpu-slot." in odd.err


def test_pools_machines_and_flavours_change_with_a_reason(finance: Person):
    pool = finance.ask("admin", "pools")["pools"][0]["name"]
    node = next(n["name"] for n in finance.ask("admin", "nodes") if n["pool"] == pool)
    try:
        assert "is draining." in finance.quick("admin", "pool", pool, "draining", "--reason", "new fans").out
        assert f"Drain pool {pool} instead" in finance.quick("admin", "node", pool, node, "draining", status=1).err
        assert finance.quick("admin", "node", pool, node, "down", "--reason", "new fans", "--json").json["state"] == "down"
        assert "not offered any more" in finance.quick("admin", "flavour", "disable", "cpu.4").out
        latest = finance.quick("admin", "audit", "-n", "3", "--json").json
        assert [a["action"] for a in latest] == ["flavour.enabled", "node.state", "pool.state"]
        assert [a["after"].get("reason") for a in latest] == [None, "new fans", "new fans"]
    finally:
        finance.quick("admin", "pool", pool, "open")
        finance.quick("admin", "node", pool, node, "up")
        finance.quick("admin", "flavour", "enable", "cpu.4")
    assert "moon" in finance.quick("admin", "pool", "moon", "open", status=1).err
    assert finance.quick("admin", "pool", pool, "ajar", status=2).out == ""


def test_a_tenant_is_limited_suspended_and_restored(finance: Person, owner: Person, tenant: Tenant):
    tenant_id = tenant.account.tenant_id
    finance.quick("admin", "quota", tenant_id, "3GiB")
    assert owner.ask("storage")["quota_bytes"] == 3 * 2**30
    assert "is not a size" in finance.quick("admin", "quota", tenant_id, "much", status=1).err
    assert "Add --yes" in finance.quick("admin", "tenant", "suspend", tenant_id, "--reason", "unpaid", status=1).err
    assert "is suspended." in finance.quick("admin", "tenant", "suspend", tenant_id, "--reason", "unpaid", "--yes").out
    assert owner.quick("budget", "set", "10", status=1).err
    assert finance.quick("admin", "tenant", "restore", tenant_id, "--json").json["state"] == "active"
    owner.quick("budget", "set", "10")


def test_payments_are_listed_for_both_sides(finance: Person, owner: Person, tenant: Tenant):
    mine, theirs = owner.ask("payments"), finance.ask("admin", "payments", tenant.account.tenant_id)
    assert [(p["kind"], p["amount_fen"]) for p in mine] == [("top_up", 1_000_000)]
    assert mine == theirs
    assert mine[0]["reference"] in owner.quick("payments").out
    assert mine[0]["reference"] in finance.quick("admin", "payments", tenant.account.tenant_id).out
    assert "does not allow" in owner.quick("admin", "payments", tenant.account.tenant_id, status=1).err


def test_jobs_of_all_tenants_are_listed(finance: Person, owner: Person, tenant: Tenant, stranger: Tenant):
    mine, theirs = tenant.submit("true"), stranger.submit("true")
    found = {job["id"]: job["tenant_id"] for job in finance.quick("admin", "jobs", "-n", "5", "--json").json}
    assert {mine.id: tenant.account.tenant_id, theirs.id: stranger.account.tenant_id}.items() <= found.items()
    assert mine.id in finance.quick("admin", "jobs").out
    assert "does not allow" in owner.quick("admin", "jobs", status=1).err
    for each, job in ((tenant, mine), (stranger, theirs)):
        each.ended(job)


def test_members_and_roles_of_the_centre(finance: Person, owner: Person):
    email = f"wang-{secrets.token_hex(4)}@tenant.example"
    invited = json.loads(owner.quick("member", "invite", email, "--json").out)
    joining = {"secret": invited["secret"], "person_name": "Wang", "password": "a-long-password"}
    person_id = owner.centre.call("POST", "/invitations/accept", body=joining)["person_id"]
    assert "Wang is viewer now." in owner.quick("member", "role", email, "viewer").out
    assert owner.quick("member", "role", person_id, "member", "--json").json["role"] == "member"
    finance.quick("admin", "role", "grant", email, "auditor")
    assert "Add --yes" in finance.quick("admin", "role", "revoke", email, "auditor", status=1).err
    assert "no more" in finance.quick("admin", "role", "revoke", email.upper(), "auditor", "--yes").out
    assert "There is no centre role" in finance.quick("admin", "role", "revoke", person_id, "auditor", "--yes", status=1).err
    assert "Add --yes" in owner.quick("member", "remove", email, status=1).err
    owner.quick("member", "remove", email, "--yes")
    assert email not in owner.quick("member", "ls").out
    assert "There is no member with the address" in owner.quick("member", "remove", email, "--yes", status=1).err


def test_a_payment_is_entered_by_one_and_approved_by_another(finance: Person, owner: Person, tenant: Tenant):
    words = ("admin", "payment", "propose", tenant.account.tenant_id, "30", "--reference", f"two-{secrets.token_hex(6)}", "--memo", "contract 7")
    said = finance.quick(*words).out
    assert "¥30.00 entered" in said
    made = [each for each in finance.ask("admin", "payment", "ls", "--state", "proposed") if each["tenant_id"] == tenant.account.tenant_id]
    assert [(each["amount_fen"], each["memo"]) for each in made] == [(3000, "contract 7")]
    assert made[0]["id"] in finance.quick("admin", "payment", "ls").out
    assert "Add --yes" in finance.quick("admin", "payment", "approve", made[0]["id"], status=1).err
    assert "Another person of finance" in finance.quick("admin", "payment", "approve", made[0]["id"], "--yes", status=1).err.replace("\n", " ")
    assert owner.ask("balance")["cash_fen"] == 1_000_000
    assert "is withdrawn" in finance.quick("admin", "payment", "withdraw", made[0]["id"]).out
    assert "is withdrawn already" in finance.quick("admin", "payment", "reject", made[0]["id"], "--reason", "late", status=1).err.replace("\n", " ")
    assert "does not allow" in owner.quick(*words, status=1).err
