"""What a request came from, in a few words a person recognises: "Firefox, Windows". Pure; a guess from what the program says of itself."""

import re
from collections.abc import Sequence
from typing import Final

MOST = 60
# The first that is found counts: most browsers also claim to be others, named further down.
PROGRAMS: Final[Sequence[tuple[str, str]]] = (
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
SYSTEMS: Final[Sequence[tuple[str, str]]] = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,30}")


def device_of(user_agent: str) -> str:
    """Return the program and system that a User-Agent header speaks of; a program we do not know by its own first word, "" for none."""
    program = next((name for mark, name in PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if not program and (own := _PRODUCT.match(user_agent)) is not None and own[0] != "Mozilla":
        program = own[0]
    return ", ".join(filter(None, (program, system)))[:MOST]
