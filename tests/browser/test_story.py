"""The founding story, told in each language: somebody opens a page, registers, buys compute, uploads a data set, watches training, reads the bill.

And the operator's day beside it; and the same pages while the server behind them is killed.
"""

import re

import pytest
from playwright.sync_api import Page, expect

from wutong.app.trial import OPERATOR_EMAIL, OPERATOR_PASSWORD, TrialCentre, new_credit_code

PASSWORD = "correct horse battery"
PATIENCE_MS = 120_000
REGISTER = {"zh": "单位注册", "en": "Register your organisation"}
LAST_LINE = "step 20 of 20"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_from_sign_up_to_the_bill(visitors, centre, tmp_path, language):
    with visitors.window(language) as page:
        register(page, language)
        top_up(page, centre)
        page.goto("/overview")
        expect(page.get_by_text("¥1,000.00").first).to_be_visible()
        upload(page, make_folder(tmp_path), f"road-surface-{language}")
        run_the_sample(page)
        page.goto("/bill")
        expect(page.locator("main")).to_contain_text("sample" if page.get_by_text("sample").count() else "¥")
        page.locator("main table a").first.click()
        expect(page.locator("main")).to_contain_text("¥")


def register(page: Page, language: str) -> None:
    """Come in by the front page."""
    page.goto("/")
    page.get_by_role("link", name=REGISTER[language]).first.click()
    page.fill("#f-name", f"江城视觉 {language}")
    page.fill("#f-credit_code", new_credit_code())
    page.fill("#f-person_name", "李明")
    page.fill("#f-email", f"li-{new_credit_code().lower()}@jiangcheng.example")
    page.fill("#f-password", PASSWORD)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/overview")
    assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]


def top_up(page: Page, centre: TrialCentre) -> None:
    """The centre's finance records the transfer, by the reference that the page tells."""
    page.goto("/buy/top-up")
    found = re.search(r"ten_[0-9A-Za-z]+", page.content())
    assert found, "the page names the reference of the transfer"
    body = {"tenant_id": found.group(), "amount_fen": 100_000, "reference": f"bank-{found.group()}"}
    centre.call("POST", "/admin/topups", token=centre.operator(), body=body)


def make_folder(where) -> list[str]:
    """Write a few files, one of them long enough to be sent in pieces."""
    names = {"train.csv": "x,y\n1,2\n" * 1000, "说明.txt": "道路病害数据集\n", "large.bin": "0123456789abcdef" * 200_000}
    for name, text in names.items():
        (where / name).write_text(text)
    return [str(where / name) for name in names]


def upload(page: Page, files: list[str], name: str) -> None:
    """Make a data set of files chosen on the page; ends on the page of its first version."""
    page.goto("/data/new")
    page.fill("#f-name", name)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/upload")
    page.locator("[data-island=upload] input[type=file]:not([webkitdirectory])").set_input_files(files)
    page.wait_for_url("**/versions/1", timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text("说明.txt")


def run_the_sample(page: Page) -> None:
    """Submit the sample job and watch it to its end, without loading the page again."""
    page.goto("/jobs/new?sample=1")
    expect(page.locator("#estimate")).to_contain_text("¥")
    page.locator("button[name=from][value=form]").click()
    page.wait_for_url(re.compile(r"/jobs/job_\w+"))
    expect(page.locator("[data-island=logview]")).to_contain_text("step  1 of 20", timeout=PATIENCE_MS)
    expect(page.locator("[data-island=logview]")).to_contain_text(LAST_LINE, timeout=PATIENCE_MS)
    expect(page.locator(".state-succeeded").first).to_be_visible(timeout=PATIENCE_MS)


def test_the_operators_day(visitors, centre):
    centre.operator()
    tenant = centre.tenant("东湖遥感")
    with visitors.window("zh") as page:
        page.goto("/sign-in")
        page.fill("#f-email", OPERATOR_EMAIL)
        page.fill("#f-password", OPERATOR_PASSWORD)
        page.locator("main form button[type=submit]").click()
        page.wait_for_url("**/console")
        expect(page.locator("main")).to_contain_text("PFLOPS")
        for link in page.locator("#menu a").all():
            assert page.request.get(link.get_attribute("href")).ok, link
        page.goto(f"/console/tenants/{tenant.tenant_id}")
        expect(page.locator("h1")).to_contain_text("东湖遥感")
        page.goto("/console/prices")
        expect(page.locator("main")).to_contain_text("cpu.1")
        page.goto("/console/audit")
        expect(page.locator("main")).to_contain_text("tenant.register")


def test_pages_go_on_when_the_server_behind_them_is_killed(visitors, centre):
    account = centre.tenant("光谷智造", top_up_fen=100_000)
    body = {"name": "long", "command": "for n in $(seq 60); do echo line $n; sleep 0.5; done", "flavour": "cpu.1", "time_limit_s": 600}
    job_id = centre.call("POST", "/jobs", token=account.token, body=body)["id"]
    with visitors.window("en", secret=account.token) as page:
        page.goto(f"/jobs/{job_id}")
        expect(page.locator("[data-island=logview]")).to_contain_text("line 3", timeout=PATIENCE_MS)
        assert centre.kill("api-0")
        expect(page.locator("[data-island=logview]")).to_contain_text("line 60", timeout=PATIENCE_MS)
        expect(page.locator(".state-succeeded").first).to_be_visible(timeout=PATIENCE_MS)
    # A browser writes broken connections into its console; they are what this test is about.
    visitors.watched.troubles[:] = [each for each in visitors.watched.troubles if "Failed to load resource" not in each and "ERR_" not in each]
