"""Where webhooks may lead, and how messages are signed."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from wutong.desk.webhooks.rules import PAUSES, UnsafeTarget, after_try, check_url, is_allowed, sign
from wutong.kit.errors import Invalid, Problem


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "8.8.8.8"])
def test_public_addresses(address):
    assert is_allowed(ip_address(address), loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
        ),
        *("fc00::1", "fe80::1", "::", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::", "2001::a00:1", "64:ff9b:1::a00:1"),
    ],
)
def test_addresses_inside_are_refused_however_they_are_written(address):
    assert not is_allowed(ip_address(address), loopback=False)
    assert not is_allowed(ip_address(address), loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_only_where_the_centre_says_so(address):
    assert not is_allowed(ip_address(address), loopback=False)
    assert is_allowed(ip_address(address), loopback=True)


@pytest.mark.parametrize("url", ["https://hooks.example.cn/a?b=c", "https://hooks.example.cn:8443/", "https://[2606:2800:220:1::1]/x"])
def test_addresses_that_are_taken(url):
    assert check_url(url, loopback=False) == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.cn/", "ftp://hooks.example.cn", "https://", "https://user:secret@hooks.example.cn/", "https://hooks.example.cn/#x"),
        *("https://hooks.example.cn:0/", "https://hooks.example.cn:99999/", "hooks.example.cn", "", "https://a b/", "https://[::1", "javascript:x"),
        *("https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://evil\\@10.0.0.1/", "https://例.cn/"),
        "https://hooks.example.cn/" + "x" * 500,
    ],
)
def test_addresses_that_are_refused(url):
    with pytest.raises((Invalid, UnsafeTarget)) as refused:
        check_url(url, loopback=False)
    assert isinstance(refused.value, Problem)
    assert refused.value.status == 422


def test_a_signature_is_that_of_the_standard():
    """The example of the specification: https://github.com/standard-webhooks/standard-webhooks, section on signatures."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = '{"test": 2432232314}'
    assert sign(secret, delivery_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_the_signature_covers_id_time_and_body():
    key = base64.b64encode(b"k" * 32).decode()
    made = sign(f"whsec_{key}", delivery_id="whd_1", timestamp=1, body="中")
    assert made == "v1," + base64.b64encode(hmac.new(b"k" * 32, "whd_1.1.中".encode(), hashlib.sha256).digest()).decode()
    others = {sign(f"whsec_{key}", delivery_id=i, timestamp=t, body=b) for i, t, b in (("whd_2", 1, "中"), ("whd_1", 2, "中"), ("whd_1", 1, "国"))}
    assert made not in others
    assert len(others) == 3


def test_it_is_tried_again_ever_later_and_then_given_up():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    waits = [after_try(tries, now) for tries in range(1, len(PAUSES) + 2)]
    assert waits[-1] is None
    assert [wait - now for wait in waits[:-1]] == sorted(PAUSES)
