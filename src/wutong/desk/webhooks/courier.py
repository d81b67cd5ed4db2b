"""The loop that delivers to webhooks. A message keeps its id over all tries, so that a receiver can tell when it gets one twice."""

import asyncio
import ssl
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from wutong import __version__
from wutong.desk.webhooks import store
from wutong.desk.webhooks.rules import GONE, KEEP, DeliveryState, after_try, sign
from wutong.desk.webhooks.store import Parcel
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import Problem
from wutong.kit.seal import unseal

CHANNEL = store.CHANNEL
AT_ONCE = 16
HOLD = timedelta(minutes=2)
"""How long messages are left to the process that took them; after a kill another sends them then."""
_SWEEP = 500
_SWITCHED_OFF = "The address answered 410 Gone, so it is told no more. Switch it on again when it is back."


class Courier:
    """Sends one message of each webhook at a time, all within ten seconds, so that a slow address delays only itself."""

    def __init__(self, database: Database, key_file: Path, *, loopback: bool = False) -> None:
        self._database = database
        self._key_file = key_file
        self._loopback = loopback

    def step(self) -> bool:
        """Send what is due; says whether anything was."""
        with self._database.session() as session:
            parcels = store.take(session, clock.now(), clock.now() + HOLD, AT_ONCE)
        if not parcels:
            with self._database.session() as session:
                return store.sweep(session, clock.now() - KEEP, _SWEEP) >= _SWEEP
        outcomes = asyncio.run(self._send_all(parcels))
        with self._database.session() as session:
            for parcel, (status, problem) in zip(parcels, outcomes, strict=True):
                store.note(session, parcel.id, _outcome(parcel, status, problem))
                if status == GONE:
                    store.change_webhook(session, parcel.webhook_id, {"enabled": False, "problem": _SWITCHED_OFF})
        return True

    async def _send_all(self, parcels: list[Parcel]) -> list[tuple[int | None, str]]:
        return await asyncio.gather(*(self._send(parcel) for parcel in parcels))

    async def _send(self, parcel: Parcel) -> tuple[int | None, str]:
        """Return the status of the answer, or why there was none."""
        from wutong.desk.webhooks.post import post  # a worker whose centre has no webhooks never loads an HTTP client

        try:
            timestamp = int(clock.now().timestamp())
            signature = sign(unseal(self._key_file, parcel.sealed_secret), delivery_id=parcel.id, timestamp=timestamp, body=parcel.body)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"Wutong/{__version__}",
                "webhook-id": parcel.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature,
            }
            status = await post(parcel.url, parcel.body, headers, loopback=self._loopback, trust=self._trust)
        except TimeoutError:
            return None, "It did not answer within ten seconds."
        except (Problem, OSError, ValueError) as error:
            return None, (str(error) or type(error).__name__)[:300]
        return status, "" if 200 <= status < 300 else f"It answered {status}."

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _outcome(parcel: Parcel, status: int | None, problem: str) -> dict[str, Any]:
    now = clock.now()
    told = {"status": status, "problem": problem}
    if not problem:
        return {**told, "state": DeliveryState.DELIVERED, "next_at": None, "done_at": now}
    again = None if status == GONE else after_try(parcel.tries, now)
    if again is None:
        return {**told, "state": DeliveryState.FAILED, "next_at": None, "done_at": now}
    return {**told, "next_at": again}
