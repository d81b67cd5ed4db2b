"""The errors of the API: their shape on the wire, and the exceptions a client raises for them, by code and else by status."""

from typing import Any, ClassVar

from pydantic import Field

from wutong.sdk.wire import Received


class ErrorDetail(Received):
    """One error: a stable code, a sentence to act on, what the sentence was made of, and the id to quote."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    request_id: str = ""


class ErrorBody(Received):
    """The body of every response that is not a success."""

    error: ErrorDetail


class ApiError(Exception):
    """The centre refused or failed. `str()` of it is the sentence for the person."""

    status_of_class: ClassVar[int | None] = None

    def __init__(self, error: ErrorDetail, status: int) -> None:
        super().__init__(error.message)
        self.code = error.code
        self.status = status
        self.message = error.message
        self.details = error.details
        self.request_id = error.request_id


class BadRequest(ApiError):
    """The request could not be read."""

    status_of_class = 400


class Unauthenticated(ApiError):
    """No valid sign-in or token."""

    status_of_class = 401


class PaymentRequired(ApiError):
    """There is not enough money or credit."""

    status_of_class = 402


class Forbidden(ApiError):
    """Known, but not allowed."""

    status_of_class = 403


class NotFound(ApiError):
    """Not there, or not yours to see."""

    status_of_class = 404


class Conflict(ApiError):
    """The state of the thing does not allow this now."""

    status_of_class = 409


class TooLarge(ApiError):
    """Over a limit of size."""

    status_of_class = 413


class Invalid(ApiError):
    """A field was refused."""

    status_of_class = 422


class TooMany(ApiError):
    """A rate limit; `retry_after_s` says when to try again."""

    status_of_class = 429

    @property
    def retry_after_s(self) -> float:
        """Seconds to wait before trying again."""
        return float(self.details.get("retry_after_s", 1))


class ServerFault(ApiError):
    """The centre's own fault, or something it depends on is away."""


class Unreachable(ApiError):
    """The centre did not answer at all; whether it did what was asked is not known."""


_BY_STATUS: dict[int | None, type[ApiError]] = {kind.status_of_class: kind for kind in ApiError.__subclasses__() if kind.status_of_class}


def error_from(status: int, body: bytes) -> ApiError:
    """Make the exception for an error response, also one that some proxy wrote in a shape of its own."""
    try:
        error = ErrorBody.model_validate_json(body).error
    except ValueError:
        error = ErrorDetail(code="unknown", message=f"The centre answered with status {status} and no more. Check its address, or ask its operator.")
    return _BY_STATUS.get(status, ServerFault if status >= 500 else ApiError)(error, status)
