"""The base of every error a person may see: a stable code, an HTTP status, one sentence to act on.

Rooms derive small classes beside the code that raises them. Doors render them; nothing else turns an exception into text.
"""

from typing import Any, ClassVar


class Problem(Exception):
    """An error with a code and a sentence. `message` is a format template over the keyword parameters, and translatable as a whole."""

    code: ClassVar[str] = "problem"
    status: ClassVar[int] = 400
    message: ClassVar[str] = "The request could not be carried out."

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.sentence())

    def sentence(self, template: str | None = None) -> str:
        """Render the sentence, from a translated template when given."""
        return (template or self.message).format(**self.params)


class NotFound(Problem):
    """The thing is not there, or is not the caller's to see: the two look alike on purpose."""

    code = "not_found"
    status = 404
    message = "There is no {kind} {id} that you can see."


class Invalid(Problem):
    """A field was refused; `reason` is a full sentence that says what would work."""

    code = "invalid"
    status = 422
    message = "{field}: {reason}"


class Forbidden(Problem):
    """The caller is known, and may see the thing, but not do this with it."""

    code = "forbidden"
    status = 403
    message = "Your role does not allow this ({permission}). Ask an owner or administrator of your organisation."


class Unauthenticated(Problem):
    """No valid sign-in or token came with the request."""

    code = "unauthenticated"
    status = 401
    message = "Sign in first, or send a valid token in the Authorization header."


class Conflict(Problem):
    """The thing's state does not allow this now."""

    code = "conflict"
    status = 409
    message = "{reason}"


class TooMany(Problem):
    """A rate limit was hit."""

    code = "too_many_requests"
    status = 429
    message = "Too many requests. Try again in {retry_after_s} seconds."


class Unavailable(Problem):
    """Something we depend on does not answer; nothing was lost by asking."""

    code = "unavailable"
    status = 503
    message = "{what} does not answer right now. Nothing was lost; try again in a moment."
