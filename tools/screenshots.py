"""Takes a picture of every page of the portal in both languages, wide and narrow, into ./screenshots: `python tools/screenshots.py [part of a name]`.

It runs a centre of its own in which a few things have happened. The list of pages is also what the tests look over.
"""

import os
import shutil
import struct
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from wutong.app.trial import Account, TrialCentre
from wutong.sdk.client import Client
from wutong.sdk.data import RepoKind
from wutong.sdk.tickets import attach_file
from wutong.sdk.transfer import push

OUT = Path("screenshots")
CHROMIUM = os.environ.get("WUTONG_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
WIDTHS = {"wide": 1280, "narrow": 390}
LOCALES = {"zh": "zh-CN", "en": "en-US"}


@dataclass(frozen=True)
class Place:
    """A page, and who looks at it: anybody, a tenant's owner, an operator."""

    name: str
    path: str
    who: str


@dataclass(frozen=True)
class Settled:
    """A centre in which something has happened. `objects` are what paths name, by the names the routes give them."""

    owner: Account
    operator: str
    objects: dict[str, str]

    def secret(self, who: str) -> str | None:
        """Return the session of somebody."""
        return {"owner": self.owner.token, "operator": self.operator}.get(who)


def settle(centre: TrialCentre) -> Settled:
    """Let a tenant register, top up, upload, buy and run jobs."""
    owner = centre.tenant("江城视觉科技有限公司", top_up_fen=2_000_000)
    ended = _submit(centre, owner, name="first-training", command=f"{_TRAINING}; echo model > $WUTONG_OUTPUTS/model.txt", labels={"project": "road"})
    failed = _submit(centre, owner, name="数据清洗", command="echo 'no such column: width' >&2; exit 3")
    run = centre.await_settled(ended, token=owner.token) and next(centre.listed(f"/jobs/{ended}/attempts", token=owner.token))
    centre.await_settled(failed, token=owner.token)
    objects = {
        "job_id": ended,
        "failed_job": failed,
        "run_name": str(run["run_name"]),
        "repo_id": _data_set(centre, owner),
        "number": "1",
        "order_id": _order(centre, owner),
        "tenant_id": owner.tenant_id,
        "pool": "local",
        "name": "local",
        "month": time.strftime("%Y-%m"),
        "chapter": "job-file",
        "secret": "wti_not-an-invitation",
        "webhook_id": _made(centre, owner, "/webhooks", {"url": "https://hooks.example.cn/wutong"}, "webhook"),
        **_ticket(centre, owner),
    }
    return Settled(owner, centre.operator(), objects)


_TRAINING = r"""for n in 1 2 3 4 5; do
  echo "epoch $n loss 0.$((9 - n))"
  echo "{\"step\": $n, \"loss\": 0.$((9 - n))}" >> $WUTONG_OUTPUTS/metrics.jsonl
done"""


def _submit(centre: TrialCentre, owner: Account, **about: Any) -> str:
    body = {"flavour": "cpu.1", "environment": "python-3.11", "time_limit_s": 600, **about}
    return str(centre.call("POST", "/jobs", token=owner.token, body=body)["id"])


def _made(centre: TrialCentre, owner: Account, path: str, body: dict[str, Any], within: str | None) -> str:
    answer = centre.call("POST", path, token=owner.token, body=body)
    return str((answer[within] if within else answer)["id"])


def _ticket(centre: TrialCentre, owner: Account) -> dict[str, str]:
    """Ask something, with a log excerpt and a picture."""
    ticket_id = _made(centre, owner, "/tickets", {"subject": "作业为什么在排队？", "text": "已经等了两个小时。"}, None)
    with tempfile.TemporaryDirectory() as folder, Client(centre.url, owner.token) as client:
        log, picture = Path(folder) / "运行日志.log", Path(folder) / "loss.png"
        log.write_text("".join(f"epoch {number} loss {1 / number:.3f}\n" for number in range(1, 40)))
        picture.write_bytes(_picture(320, 180))
        attach_file(client, ticket_id, picture)
        return {"ticket_id": ticket_id, "attachment_id": attach_file(client, ticket_id, log).id}


def _picture(width: int, height: int) -> bytes:
    """Make a picture (PNG) of a falling curve."""
    rows = b"".join(b"\0" + bytes(30 if row * (column + 40) < 40 * height else 220 for column in range(width)) for row in range(height))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def _order(centre: TrialCentre, owner: Account) -> str:
    offer = {"name": "cpu-100", "accelerator": "cpu-slot", "card_hours": 100, "price_fen": 50_000, "validity_days": 90}
    offer_id = centre.call("POST", "/admin/offers", token=centre.operator(), body=offer)["id"]
    return str(centre.call("POST", "/orders/packages", token=owner.token, body={"offer_id": offer_id})["id"])


def _data_set(centre: TrialCentre, owner: Account) -> str:
    """Push a small folder as a tenant does, with the SDK."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(6):
            path = Path(folder) / f"road-{number % 3}" / f"{number}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"width,depth\n{number},2\n")
        (Path(folder) / "说明.txt").write_text("道路病害数据集\n")
        with Client(centre.url, owner.token) as client:
            return str(push(client, Path(folder), kind=RepoKind.DATASET, name="road-surface", licence="CC-BY-4.0").version.repo_id)


def places(settled: Settled) -> list[Place]:
    """Return every page: what the routes' paths name is filled in."""
    of = {who: [Place(_name(path), path.format(**settled.objects), who) for path in paths] for who, paths in PATHS.items()}
    return [*of["anybody"], *of["owner"], *of["operator"], Place("not-found", "/no/such/page", "anybody")]


def _name(path: str) -> str:
    plain = path.partition("?")[0].replace("{", "").replace("}", "")
    return plain.strip("/").replace("/", "-") or "front"


PATHS = {
    "anybody": ["/", "/sign-in", "/sign-up", "/invitation/{secret}", "/reset", "/components", "/help", "/help/{chapter}", "/help/errors"],
    "owner": [
        "/overview",
        "/jobs",
        "/jobs/new?sample=1",
        "/jobs/{job_id}",
        "/jobs/{failed_job}",
        "/jobs/compare?id={job_id}&id={failed_job}",
        "/secrets",
        "/environments",
        "/data",
        "/data/new",
        "/data/{repo_id}",
        "/data/{repo_id}/versions/{number}",
        "/data/{repo_id}/versions/{number}/preview?path=说明.txt",
        "/data/{repo_id}/versions/{number}/split",
        "/data/{repo_id}/upload",
        "/buy",
        "/buy/estimate",
        "/buy/packages",
        "/buy/reservations",
        "/buy/orders",
        "/buy/orders/{order_id}",
        "/buy/top-up",
        "/buy/top-up/slip",
        "/bill",
        "/bill/jobs/{job_id}",
        "/bill/jobs/{job_id}/records/{run_name}",
        "/bill/statement",
        "/bill/usage",
        "/bill/budgets",
        "/bill/warnings",
        "/search?q=road",
        "/organisation",
        "/organisation/tokens",
        "/organisation/trail",
        "/organisation/webhooks",
        "/organisation/webhooks/{webhook_id}",
        "/account",
        "/account/notices",
        "/account/organisations",
        "/account/sessions",
        "/account/tokens",
        "/tickets",
        "/tickets/new",
        "/tickets/{ticket_id}",
        "/tickets/{ticket_id}/files/{attachment_id}",
        "/inbox",
        "/guide",
    ],
    "operator": [
        "/console",
        "/console/jobs",
        "/console/jobs/{job_id}",
        "/console/queue",
        "/console/nodes",
        "/console/nodes/{pool}/{name}",
        "/console/flavours",
        "/console/maintenance",
        "/console/announcements",
        "/console/utilisation",
        "/console/tenants",
        "/console/tenants/{tenant_id}",
        "/console/payments",
        "/console/payments/recorded",
        "/console/prices",
        "/console/books",
        "/console/books/check",
        "/console/audit",
        "/console/staff",
        "/console/report/{month}",
        "/console/whatif",
        "/console/tickets",
        "/console/tickets/{ticket_id}",
        "/console/tickets/{ticket_id}/files/{attachment_id}",
        "/wall",
    ],
}
# What is no page of its own: parts of pages, files, addresses that only lead on.
NO_PAGES = {
    "/front/load",
    "/overview/state",
    "/overview/more",
    "/console/utilisation/heat",
    "/jobs/{job_id}/log",
    "/jobs/{job_id}/log/download",
    "/jobs/{job_id}/metrics",
    "/jobs/{job_id}/charts",
    "/jobs/part",
    "/jobs/{job_id}/part",
    "/jobs/{job_id}/children",
    "/environments/part",
    "/stream",
    "/data/{repo_id}/versions/{number}/archive",
    "/data/{repo_id}/versions/{number}/picture",
    "/bill/export",
    "/bill/statement/export",
    "/console/now",
    "/console/hands",
    "/console/queue/part",
    "/console/audit.csv",
    "/console/report",
    "/console/report/{month}/pdf",
    "/console/report/{month}/csv",
    "/wall/part",
    "/email",
    "/join",
    "/tickets/{ticket_id}/part",
    "/console/tickets/{ticket_id}/part",
    "/tickets/{ticket_id}/files/{attachment_id}/picture",
    "/console/tickets/{ticket_id}/files/{attachment_id}/picture",
    "/inbox/badge",
    "/announcements/now",
    "/oidc/{name}",
    "/oidc/{name}/callback",
}


def main() -> int:
    """Take all pictures, or those with a part of a name in theirs."""
    OUT.mkdir(exist_ok=True)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, sync_playwright() as driver:
        home = Path(folder)
        home.chmod(0o755)
        centre = TrialCentre(home, slots=8, allow_unconfined_tenants=True).start()
        try:
            settled = settle(centre)
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            for place in places(settled):
                if wanted in place.name:
                    _shoot(browser, centre, settled, place)
        finally:
            centre.stop()
    return 0


def _shoot(browser: Browser, centre: TrialCentre, settled: Settled, place: Place) -> None:
    for language, locale in LOCALES.items():
        for width_name, width in WIDTHS.items():
            context = browser.new_context(base_url=centre.url, locale=locale, viewport={"width": width, "height": 900}, timezone_id="Asia/Shanghai")
            secret = settled.secret(place.who)
            if secret:
                context.add_cookies([{"name": "wutong_session", "value": secret, "url": centre.url}])
            page = context.new_page()
            page.goto(place.path)
            page.wait_for_timeout(400)
            path = OUT / f"{place.name}.{language}.{width_name}.png"
            page.screenshot(path=path, full_page=True)
            context.close()
            print(path)


if __name__ == "__main__":
    sys.exit(main())
