"""The founding story, told in each language: somebody opens a page, registers, buys compute, uploads a data set, watches training, reads the bill."""

import re

import pytest

from wutong.app.trial import new_credit_code

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_from_sign_up_to_the_bill(visitors, centre, tmp_path, language):
    words = WORDS[language]
    with visitors.window(language) as page:
        page.goto("/")
        page.get_by_role("link", name=words["register"]).first.click()
        page.fill("#f-name", f"江城视觉 {language}")
        page.fill("#f-credit_code", new_credit_code())
        page.fill("#f-person_name", "李明")
        page.fill("#f-email", f"li-{language}@jiangcheng.example")
        page.fill("#f-password", PASSWORD)
        page.locator("main form button[type=submit]").click()
        page.wait_for_url("**/overview")
        assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        tenant_id = _top_up(page, centre)
        page.goto("/overview")
        page.get_by_text("¥1,000.00").first.wait_for()
        assert tenant_id


WORDS = {"zh": {"register": "单位注册"}, "en": {"register": "Register your organisation"}}


def _top_up(page, centre) -> str:
    """The centre's finance records the transfer, by the reference that the page tells."""
    page.goto("/buy/top-up")
    found = re.search(r"ten_[0-9A-Za-z]+", page.content())
    assert found, "the page names the reference of the transfer"
    body = {"tenant_id": found.group(), "amount_fen": 100_000, "reference": f"bank-{found.group()}"}
    centre.call("POST", "/admin/topups", token=centre.operator(), body=body)
    return found.group()
