"""The guide of the first steps, clicked through: from an organisation that has just registered to the model that its first job made.

Nothing is typed but the registration; nothing is loaded by its address but the front page.
"""

import re

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import violations
from tests.browser.test_story import PATIENCE_MS, register

WORDS = {
    "zh": {
        "sample": "使用示例数据",
        "top up": "充值",
        "job": "查看示例作业",
        "submit": "提交",
        "watch": "查看进度",
        "model": "查看作业结果",
        "away": "收起",
        "help": "帮助",
        "steps": "新手引导",
        "done": "完成：您的第一个模型",
    },
    "en": {
        "sample": "Take the sample data",
        "top up": "Top up",
        "job": "Look at the sample job",
        "submit": "Submit",
        "watch": "Watch it",
        "model": "Look at what it made",
        "away": "Dismiss",
        "help": "Help",
        "steps": "First steps",
        "done": "Done: your first model",
    },
}


@pytest.mark.parametrize("language", ["zh", pytest.param("en", marks=pytest.mark.slow)])
def test_an_empty_organisation_clicks_its_way_to_a_model(visitors, centre, language):
    say = WORDS[language]
    with visitors.window(language) as page:
        register(page, language)
        card = page.locator("section[aria-labelledby=first-steps]")
        card.get_by_role("button", name=say["sample"]).click()
        expect(card.locator("li.is-done")).to_have_count(1)
        assert violations(page) == []

        card.get_by_role("link", name=say["top up"]).click()
        page.wait_for_url("**/buy/top-up")
        tenant = re.search(r"ten_[0-9A-Za-z]+", page.content()).group()
        page.locator(".navbar-brand").first.click()
        body = {"tenant_id": tenant, "amount_fen": 10_000, "reference": f"bank-{tenant}"}
        centre.call("POST", "/admin/topups", token=centre.operator(), body=body)

        # The overview notices the money by itself.
        card.get_by_role("link", name=say["job"]).click(timeout=PATIENCE_MS)
        expect(page.locator("#estimate")).to_contain_text("¥1.00")
        page.locator("button[name=from][value=form]").click()
        page.wait_for_url(re.compile(r"/jobs/job_\w+"))
        expect(page.locator("[data-island=logview]")).to_contain_text("epoch 10 of 10", timeout=PATIENCE_MS)
        expect(page.locator(".state-succeeded").first).to_be_visible(timeout=PATIENCE_MS)

        page.locator(".navbar-brand").first.click()
        card.get_by_role("link", name=say["model"]).click(timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("model.json")
        expect(page.locator("main")).to_contain_text("digits-sample")

        page.locator(".navbar-brand").first.click()
        assert violations(page) == []
        card.get_by_role("button", name=say["away"]).click()
        expect(page.locator("main table")).to_be_visible()
        expect(card).to_have_count(0)
        page.locator("#menu").get_by_role("link", name=say["help"]).click()
        page.get_by_role("link", name=say["steps"], exact=True).click()
        expect(card.get_by_role("heading", name=say["done"])).to_be_visible()


def test_the_handbook_is_found_by_its_words_and_copied_from(visitors, centre):
    account = centre.tenant("武昌材料")
    with visitors.window("zh", secret=account.token) as page:
        page.goto("/jobs")
        page.keyboard.press("Control+k")
        page.get_by_role("combobox").fill("宽限")
        page.get_by_role("option").filter(has_text="信号与宽限").click()
        page.wait_for_url("**/help/checkpoints#signal")
        expect(page.locator("#signal")).to_be_in_viewport()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("#signal ~ .code-block button").first.click()
        assert "checkpoint: {signal: SIGUSR1, grace_s: 120}" in page.evaluate("navigator.clipboard.readText()")
        page.get_by_role("link", name="多卡与多机训练").last.click()
        page.wait_for_url("**/help/training")
