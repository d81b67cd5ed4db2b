import pytest

from wutong.identity.devices import device_of

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("said", "device"),
    [
        (CHROME, "Chrome, Windows"),
        (CHROME + " Edg/131.0.0.0", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari, macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.50", "WeChat, iPhone"),
        ("python-httpx2/2.16.2", "python-httpx2"),
        ("wutong/0.1", "wutong"),
        ("Mozilla/5.0", ""),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_what_programs_say_of_themselves(said, device):
    assert device_of(said) == device


def test_it_stays_short():
    assert len(device_of("a" * 5000)) <= 60
