"""What letters may be asked for how often, how long their links work, and what they say in both languages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from wutong.kit.errors import NotFound, TooMany
from wutong.kit.mail import Mail, compose

LIFE = timedelta(minutes=30)
WINDOW = timedelta(hours=1)
PER_ADDRESS = 20
PER_EMAIL = 3
KEEP = timedelta(days=1)


class LetterKind(StrEnum):
    """What a link is for."""

    RESET = "reset"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Letter:
    """A link that was asked for."""

    id: str
    kind: LetterKind
    email: str
    address: str
    person_id: str | None


class LinkGone(NotFound):
    """The link does not exist, was used, or is too old."""

    code = "link_gone"
    message = "This link is not valid any more: it works once, and for half an hour. Ask for a new one."


class TooManyLetters(TooMany):
    """Too many links were asked for of late."""

    code = "too_many_letters"
    message = "Too many links were asked for. Try again in {retry_after_s} seconds."


_IGNORE: Final = {
    "zh": "如果这不是您本人的操作，请忽略此邮件，您的账号不会有任何变化。",
    "en": "If this was not you, ignore this mail; nothing changes.",
}
_WORDS: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "reset": {
        "zh": ("重设密码", "有人请求为 {email} 重设密码。链接三十分钟内有效，只能使用一次。", "设置新密码"),
        "en": (
            "Choose a new password",
            "Somebody asked for a new password for {email}. The link works once, for thirty minutes.",
            "Choose a new password",
        ),
    },
    "email": {
        "zh": ("确认新邮箱", "{name} 请求把账号邮箱改为 {email}。链接三十分钟内有效，只能使用一次。", "确认此邮箱"),
        "en": (
            "Confirm your new address",
            "{name} asked to use {email} from now on. The link works once, for thirty minutes.",
            "Confirm this address",
        ),
    },
    "invitation": {
        "zh": ("{inviter} 邀请您加入 {tenant}", "{inviter} 邀请您加入 {tenant}。链接七天内有效，只能使用一次。", "接受邀请"),
        "en": ("{inviter} invites you to {tenant}", "{inviter} invites you to join {tenant}. The link works once, for seven days.", "Accept"),
    },
    "password_changed": {
        "zh": ("您的密码已更改", "{email} 的密码刚刚通过邮件链接更改，所有登录均已退出。如果不是您本人操作，请立即联系中心。", ""),
        "en": (
            "Your password was changed",
            "The password of {email} was changed by a link sent by mail, and all sessions were closed. If this was not you, tell the centre at once.",
            "",
        ),
    },
    "email_changed": {
        "zh": ("您的邮箱已更改", "您的账号邮箱已由 {old} 改为 {email}。如果不是您本人操作，请立即联系中心。", ""),
        "en": ("Your address was changed", "Your account uses {email} instead of {old} now. If this was not you, tell the centre at once.", ""),
    },
}


def letter_mail(what: str, language: str, *, to: str, link: str = "", **facts: str) -> Mail:
    """Write one of the letters: reset, email, invitation (each with a link), password_changed, email_changed."""
    subject, sentence, label = (text.format(**facts) for text in _WORDS[what][language])
    return compose(
        to=to,
        language=language,
        subject=subject,
        paragraphs=[sentence],
        action=(label, link) if link else None,
        footer=_IGNORE[language] if link else "",
    )
