"""A folder goes up from the browser while the server behind the page is killed: it goes on where it stood, and every byte is right."""

import hashlib
from pathlib import Path

from playwright.sync_api import Page, Response, expect

PATIENCE_MS = 120_000
BYTES_PER_SECOND = 2_000_000
LARGE_BYTES = 24_000_000
BAR = "[data-island=upload] .upload-run > progress"


def make_folder(where: Path) -> dict[str, str]:
    """Write a file that takes twelve seconds, and small ones that travel together; return the sha256 of each by its path."""
    block = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(31_250))
    contents = {
        "large.bin": (block * (LARGE_BYTES // len(block) + 1))[:LARGE_BYTES],
        "part.bin": block,
        "说明.txt": "长江岸线遥感影像\n".encode(),
        **{f"tiles/{number:03}.png": f"tile {number}".encode() * 50 for number in range(40)},
    }
    for path, content in contents.items():
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_bytes(content)
    return {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}


def slow_down(page: Page, bytes_per_second: int) -> None:
    """Have the browser send no quicker than this; -1 lifts the limit."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    devtools.send("Network.emulateNetworkConditions", conditions)


def test_an_upload_goes_on_when_the_server_behind_it_is_killed(visitors, centre, tmp_path):
    account = centre.tenant("长江测绘")
    wanted = make_folder(tmp_path / "shore")
    repo = centre.call("POST", "/repos", token=account.token, body={"kind": "dataset", "name": "shore"})["id"]
    stood: list[int] = []

    def note(answer: Response) -> None:
        if answer.request.method == "HEAD" and "upload-offset" in answer.headers:
            stood.append(int(answer.headers["upload-offset"]))

    with visitors.window("zh", secret=account.token) as page:
        page.on("response", note)
        page.goto(f"/data/{repo}/upload")
        slow_down(page, BYTES_PER_SECOND)
        page.locator("[data-island=upload] input[webkitdirectory]").set_input_files(tmp_path / "shore")
        page.wait_for_function("name => document.querySelector(name)?.value > 0.2", arg=BAR, timeout=PATIENCE_MS)
        first = centre.pids()["api-0"]
        assert page.locator(BAR).evaluate("bar => bar.value") < 0.9, "it was over before the server was killed"
        assert centre.kill("api-0")
        expect(page.locator(BAR)).to_be_visible()
        slow_down(page, -1)
        page.wait_for_url("**/versions/1", timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("说明.txt")
    assert centre.pids()["api-0"] != first
    assert any(0 < offset < LARGE_BYTES for offset in stood), "what the server had was not sent again"
    version = centre.call("GET", f"/repos/{repo}/versions", token=account.token)["items"][0]
    assert {each["path"]: each["sha256"] for each in centre.listed(f"/versions/{version['id']}/files", token=account.token)} == wanted
    # A browser writes broken connections into its console; they are what this test is about.
    visitors.watched.troubles[:] = [each for each in visitors.watched.troubles if "Failed to load resource" not in each and "ERR_" not in each]
