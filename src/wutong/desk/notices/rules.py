"""What notices say, in both languages, and who wants which of them where. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from wutong.desk.rules import Channel, NoticeKind
from wutong.kit.money import format_fen

# Mails about jobs wait a little, so that many jobs that end together are one mail.
MAIL_AFTER: Mapping[NoticeKind, timedelta] = {NoticeKind.JOB_ENDED: timedelta(minutes=5)}
KEEP = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, once for each `key`: who is told (ids of people), and what. `about` is whose matter it is, if one person's."""

    kind: NoticeKind
    key: str
    tenant_id: str | None
    people: Collection[str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person was told."""

    id: int
    person_id: str
    tenant_id: str | None
    kind: NoticeKind
    facts: Mapping[str, Any]
    at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """A notice in somebody's language: a line, a sentence, and the page of the portal it leads to."""

    title: str
    text: str
    path: str


def say(kind: NoticeKind, facts: Mapping[str, Any], language: str, zone: str) -> Said:
    """Put a notice into words."""
    words = WORDS[_word(kind, facts)]
    title, text = words[language if language in words else "en"]
    told = {**facts, **_told(facts, language, zone)}
    return Said(title.format(**told), text.format(**told), _path(kind, facts))


def wants(chosen: Mapping[tuple[NoticeKind, Channel], bool], kind: NoticeKind, channel: Channel) -> bool:
    """Tell whether somebody is told of a kind on a channel: yes, unless they switched it off."""
    return chosen.get((kind, channel), True)


def mail_time(chosen: Mapping[tuple[NoticeKind, Channel], bool], kind: NoticeKind, now: datetime) -> datetime | None:
    """Return when the mail about something is due, None when it is not wanted."""
    return now + MAIL_AFTER.get(kind, timedelta()) if wants(chosen, kind, Channel.MAIL) else None


def _word(kind: NoticeKind, facts: Mapping[str, Any]) -> str:
    detail = {
        NoticeKind.JOB_ENDED: facts.get("state"),
        NoticeKind.BUDGET: facts.get("what"),
        NoticeKind.MAINTENANCE: facts.get("what"),
        NoticeKind.TICKET: facts.get("what"),
    }.get(kind)
    return f"{kind}.{detail}" if detail else kind.value


def _told(facts: Mapping[str, Any], language: str, zone: str) -> dict[str, str]:
    """Write amounts and times as people read them."""
    told = {"left": format_fen(facts["left_fen"])} if "left_fen" in facts else {}
    for name in ("begins_at", "ends_at"):
        if name in facts:
            told[name] = f"{datetime.fromisoformat(facts[name]).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
    if "role" in facts:
        told["role"] = ROLES.get(facts["role"], {}).get(language, facts["role"])
    return told


def _path(kind: NoticeKind, facts: Mapping[str, Any]) -> str:
    if kind is NoticeKind.JOB_ENDED or facts.get("what") in {"grace", "stopped"}:
        return f"/jobs/{facts['job_id']}"
    if kind is NoticeKind.TICKET:
        return f"{'/console' if facts.get('staff') else ''}/tickets/{facts['ticket_id']}"
    return PATHS[kind]


PATHS: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.BALANCE: "/bill",
    NoticeKind.BUDGET: "/bill",
    NoticeKind.MAINTENANCE: "/overview",
    NoticeKind.INVITATION: "/overview",
}
ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "owner": {"zh": "所有者", "en": "owner"},
    "admin": {"zh": "管理员", "en": "administrator"},
    "finance": {"zh": "财务", "en": "finance"},
    "member": {"zh": "成员", "en": "member"},
    "viewer": {"zh": "只读成员", "en": "viewer"},
}
WORDS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "job_ended.succeeded": {
        "zh": ("作业 {job_name} 已成功结束", "作业 {job_name}（{job_id}）已成功结束。"),
        "en": ("Job {job_name} succeeded", "Job {job_name} ({job_id}) succeeded."),
    },
    "job_ended.failed": {
        "zh": ("作业 {job_name} 失败", "作业 {job_name}（{job_id}）失败。原因和日志见作业页面。"),
        "en": ("Job {job_name} failed", "Job {job_name} ({job_id}) failed. Its page shows why, and its log."),
    },
    "job_ended.cancelled": {
        "zh": ("作业 {job_name} 已取消", "作业 {job_name}（{job_id}）已取消。"),
        "en": ("Job {job_name} was cancelled", "Job {job_name} ({job_id}) was cancelled."),
    },
    "balance": {
        "zh": ("余额已使用 {level}%", "贵单位余额已使用 {level}%，剩余 {left}。请充值以保证作业继续运行。"),
        "en": ("{level} % of the balance is used", "{level} % of your organisation's balance is used; {left} is left. Top up to keep jobs running."),
    },
    "budget.tenant": {
        "zh": ("本单位预算已使用 {level}%", "本单位 {period} 的预算已使用 {level}%，剩余 {left}。请提高预算以保证作业继续运行。"),
        "en": (
            "{level} % of the organisation's budget is spent",
            "{level} % of your organisation's budget for {period} is spent; {left} is left. Raise it to keep jobs running.",
        ),
    },
    "budget.person": {
        "zh": ("您的预算已使用 {level}%", "您 {period} 的预算已使用 {level}%，剩余 {left}。请联系管理员提高预算。"),
        "en": (
            "{level} % of your budget is spent",
            "{level} % of your budget for {period} is spent; {left} is left. Ask for more to keep jobs running.",
        ),
    },
    "budget.grace": {
        "zh": ("作业 {job_id} 即将因资金不足停止", "资金不足，作业 {job_id} 已收到保存检查点的通知，即将停止。现在充值可继续运行。"),
        "en": (
            "Job {job_id} is about to be stopped",
            "There is no money left for job {job_id}. It was told to save a checkpoint and stops soon; a top-up lets it go on.",
        ),
    },
    "budget.stopped": {
        "zh": ("作业 {job_id} 因资金不足停止", "作业 {job_id} 因资金不足已停止。"),
        "en": ("Job {job_id} was stopped for lack of money", "Job {job_id} was stopped because there was no money left to go on with it."),
    },
    "maintenance.announced": {
        "zh": ("资源池 {pool} 将进行维护", "资源池 {pool} 将于 {begins_at} 至 {ends_at} 维护：{reason}。此前无法结束的作业将在维护后启动。"),
        "en": (
            "Maintenance of pool {pool}",
            "Pool {pool} is in maintenance from {begins_at} to {ends_at}: {reason}. Jobs that would not end before start after it.",
        ),
    },
    "maintenance.cancelled": {
        "zh": ("资源池 {pool} 的维护已取消或提前结束", "原定 {begins_at} 至 {ends_at} 的资源池 {pool} 维护已取消或提前结束。"),
        "en": ("Maintenance of pool {pool} is off", "The maintenance of pool {pool} from {begins_at} to {ends_at} was cancelled, or ended early."),
    },
    "ticket.opened": {
        "zh": ("新工单：{subject}", "{by} 提交了工单“{subject}”。"),
        "en": ("New ticket: {subject}", "{by} opened the ticket “{subject}”."),
    },
    "ticket.replied": {
        "zh": ("工单有新回复：{subject}", "{by} 回复了工单“{subject}”。"),
        "en": ("New reply: {subject}", "{by} wrote in the ticket “{subject}”."),
    },
    "ticket.answered": {
        "zh": ("工单已答复：{subject}", "工程师 {by} 答复了工单“{subject}”。"),
        "en": ("Answered: {subject}", "{by} of the centre answered your ticket “{subject}”."),
    },
    "ticket.asked": {
        "zh": ("工单需要您补充信息：{subject}", "工程师 {by} 在工单“{subject}”中需要您补充信息。"),
        "en": ("A question for you: {subject}", "{by} of the centre asks you something in the ticket “{subject}”."),
    },
    "ticket.closed": {
        "zh": ("工单已关闭：{subject}", "{by} 关闭了工单“{subject}”。如未解决，可重新打开。"),
        "en": ("Closed: {subject}", "{by} closed the ticket “{subject}”. Reopen it if it is not solved."),
    },
    "ticket.reopened": {
        "zh": ("工单已重新打开：{subject}", "{by} 重新打开了工单“{subject}”。"),
        "en": ("Reopened: {subject}", "{by} reopened the ticket “{subject}”."),
    },
    "ticket.assigned": {
        "zh": ("工单由您负责：{subject}", "{by} 将工单“{subject}”交由您负责。"),
        "en": ("Yours now: {subject}", "{by} gave you the ticket “{subject}”."),
    },
    "invitation": {
        "zh": ("邀请您加入 {tenant}", "您被邀请以{role}身份加入 {tenant}。接受邀请的链接已发送到您的邮箱。"),
        "en": ("You are invited to {tenant}", "You are invited to join {tenant} as {role}. The link that lets you in was sent to your address."),
    },
}
