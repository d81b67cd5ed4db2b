"""What people can be told of, and where. Pure."""

from enum import StrEnum


class NoticeKind(StrEnum):
    """What a notice is about."""

    JOB_ENDED = "job_ended"
    BALANCE = "balance"
    BUDGET = "budget"
    MAINTENANCE = "maintenance"
    TICKET = "ticket"
    INVITATION = "invitation"


class Channel(StrEnum):
    """Where somebody is told."""

    PORTAL = "portal"
    MAIL = "mail"
    WEBHOOK = "webhook"
