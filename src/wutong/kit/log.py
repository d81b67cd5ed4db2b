"""Structured logs on standard error: readable lines, or one JSON object a line."""

import logging
import sys

_RICH_IS_THERE = "rich" in sys.modules
if not _RICH_IS_THERE:
    # structlog imports rich where it finds it, for coloured tracebacks that we do not use: eight megabytes and a tenth of a second
    # in every process. A module that stands here as None counts as not installed.
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402 see above

if not _RICH_IS_THERE:
    del sys.modules["rich"]


def configure(level: str = "info", *, json: bool = False) -> None:
    """Set up logging for this process; values that look like secrets are never passed to it."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger bound to the module's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
