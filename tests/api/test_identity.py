def test_me(centre):
    me = centre.ok("owner", "GET", "/me")
    assert me["role"] == "owner"
    assert centre.call("anonymous","GET","/me").status_code == 401
    print(centre.call("viewer","GET","/invitations").json())
    print(centre.ok("owner","GET","/members"))
    print(centre.ok("operator","GET","/admin/tenants"))
    print(centre.ok("owner","POST","/tokens", json={"name":"x"}))
    print(centre.call("owner","POST","/sessions", json={"email":"owner@example.cn","password":"a long enough one"}).headers)
    print(centre.call("owner","POST","/tokens", json={"nam":"x"}).json())
    print(centre.call("owner","GET","/nothing").json())
    print(centre.call("owner","PUT","/members").json())
    print(centre.call("owner","GET","/health/ready").json())
    print(centre.call("owner","DELETE","/sessions").status_code)
    assert centre.call("owner","GET","/me").status_code == 401
