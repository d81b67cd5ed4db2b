from tests.api.callers import PASSWORD, credit_code


def registration(**other):
    body = {"name": "Acme", "credit_code": credit_code(77), "kind": "university", "person_name": "Li", "email": "Li@example.cn", "password": PASSWORD}
    return {**body, **other}


def sign_in(centre, **other):
    return centre.call("anonymous", "POST", "/sessions", json={"email": "owner@example.cn", "password": PASSWORD, **other})


def test_sign_up_sign_in_and_out(centre):
    made = centre.ok("anonymous", "POST", "/tenants", json=registration())
    assert made["tenant"]["name"] == "Acme"
    opened = centre.ok("anonymous", "POST", "/sessions", json={"email": "LI@EXAMPLE.CN", "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {opened['secret']}"}
    centre.http.cookies.clear()
    me = centre.ok("anonymous", "GET", "/me", headers=bearer)
    assert (me["name"], me["role"], me["tenant_id"]) == ("Li", "owner", made["tenant"]["id"])
    assert "job.submit" in me["permissions"]
    assert "centre.read" not in me["permissions"]
    centre.ok("anonymous", "DELETE", "/sessions", headers=bearer)
    assert centre.error("anonymous", "GET", "/me", headers=bearer)[0] == 401


def test_registering_says_which_field_is_wrong(centre):
    for field, value in (("credit_code", "91420100000000077X"), ("email", "nobody"), ("password", "short"), ("name", "")):
        status, error = centre.error("anonymous", "POST", "/tenants", json=registration(**{field: value}))
        assert (status, error["code"], error["details"]["field"]) == (422, "invalid", field)
    centre.ok("anonymous", "POST", "/tenants", json=registration())
    assert centre.error("anonymous", "POST", "/tenants", json=registration(email="b@example.cn"))[1]["code"] == "already_registered"


def test_a_failed_sign_in_tells_nothing_and_is_counted(centre):
    unknown = centre.error("anonymous", "POST", "/sessions", json={"email": "nobody@example.cn", "password": PASSWORD})
    wrong = centre.error("anonymous", "POST", "/sessions", json={"email": "owner@example.cn", "password": "wrong password"})
    assert (unknown[0], unknown[1]["code"], unknown[1]["message"]) == (wrong[0], wrong[1]["code"], wrong[1]["message"])
    for _ in range(4):
        assert sign_in(centre, password="wrong password").status_code == 401
    locked = sign_in(centre)
    assert locked.status_code == 429
    assert locked.json()["error"]["code"] == "sign_in_locked"
    assert 800 < int(locked.headers["Retry-After"]) <= 900


def test_sign_in_is_throttled_by_address(centre):
    seen = [sign_in(centre, email="not an address").status_code for _ in range(31)]
    assert seen == [422] * 30 + [429]


def test_scripts_of_a_page_act_for_the_organisation_the_page_was_made_for(centre):
    centre.http.cookies.set("wutong_session", centre.people["owner"].secret)
    assert centre.http.get("/api/v1/storage").status_code == 200
    centre.http.cookies.set("wutong_tenant", "none")
    assert centre.http.get("/api/v1/storage").status_code == 403
    assert centre.http.get("/api/v1/storage", headers=centre.headers("owner")).status_code == 200


def test_the_cookie_of_a_browser_works_but_not_from_another_site(centre):
    response = sign_in(centre)
    assert "HttpOnly" in response.headers["set-cookie"]
    assert "SameSite=lax" in response.headers["set-cookie"]
    assert centre.ok("anonymous", "GET", "/me")["name"] == "owner"
    token = {"name": "by browser"}
    assert centre.call("anonymous", "POST", "/tokens", json=token, headers={"Origin": "https://evil.example"}).json()["error"]["code"] == "cross_site"
    assert centre.call("anonymous", "POST", "/tokens", json=token, headers={"Origin": "http://testserver"}).status_code == 201


def test_people_in_several_organisations_choose(centre):
    stranger_tenant = centre.people["stranger"].tenant_id
    secret = centre.ok("stranger", "POST", "/invitations", json={"email": "owner@example.cn", "role": "viewer"})["secret"]
    joined = centre.ok("anonymous", "POST", "/invitations/accept", json={"secret": secret})
    assert joined["role"] == "viewer"
    there = centre.ok("owner", "GET", "/me", headers={"X-Wutong-Tenant": stranger_tenant})
    assert (there["tenant_id"], there["role"]) == (stranger_tenant, "viewer")
    assert centre.ok("owner", "GET", "/me")["role"] == "owner"
    assert [m["role"] for m in there["memberships"]] == ["owner", "viewer"]
    assert centre.error("colleague", "GET", "/me", headers={"X-Wutong-Tenant": stranger_tenant})[0] == 404
    assert centre.ok("owner", "GET", "/me", headers={"X-Wutong-Tenant": "none"})["tenant_id"] is None


def test_another_password(centre):
    body = {"old_password": PASSWORD, "new_password": "a brand new password"}
    centre.ok("viewer", "PUT", "/me/password", json=body)
    assert sign_in(centre, email="viewer@example.cn").status_code == 401
    assert sign_in(centre, email="viewer@example.cn", password="a brand new password").status_code == 201


def test_lists_come_in_pages(centre):
    first = centre.ok("owner", "GET", "/members", params={"limit": 2})
    second = centre.ok("owner", "GET", "/members", params={"limit": 2, "after": first["next"]})
    assert len(first["items"]) == 2
    assert (len(second["items"]), second["next"]) == (1, None)
    assert centre.error("owner", "GET", "/members", params={"limit": 0})[1]["details"]["field"] == "limit"


def test_a_suspended_organisation_reads_and_changes_nothing(centre):
    tenant_id = centre.people["owner"].tenant_id
    centre.ok("operator", "PUT", f"/admin/tenants/{tenant_id}/state", json={"state": "suspended", "reason": "unpaid"})
    assert centre.ok("owner", "GET", "/members")["items"]
    status, error = centre.error("owner", "POST", "/invitations", json={"email": "x@example.cn"})
    assert (status, error["code"]) == (403, "tenant_suspended")
    assert centre.ok("owner", "GET", "/tenant")["state_reason"] == "unpaid"
    entry = centre.ok("owner", "GET", "/audit", params={"limit": 1})["items"][0]
    assert (entry["action"], entry["before"], entry["after"]) == ("tenant.state", {"state": "active"}, {"state": "suspended", "reason": "unpaid"})
