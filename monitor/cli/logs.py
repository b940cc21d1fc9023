"""Where log lines go: standard error, as text on a terminal and JSON otherwise."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

Format = Literal["json", "text"]


def set_up(form: Format | None = None, *, level: int = logging.INFO) -> None:
    """Send monitor's own lines and those of its libraries to standard error.

    Args:
        form: None chooses by what standard error is.
        level: Of monitor's own lines; libraries only speak up from warnings on.
    """
    chosen = form or ("text" if sys.stderr.isatty() else "json")
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            _without_nothing,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _line(chosen),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("monitor").setLevel(level)
    if level > logging.DEBUG:
        # Faust's services name their log after the file that derives from them, and tell of each start and stop.
        services = ("monitor.streams.app", "monitor.streams.embedded", "monitor.streams.commits")
        for noisy in ("faust", "mode", "aiokafka", "asyncio", "mail", *services):
            logging.getLogger(noisy).setLevel(logging.ERROR)


def _line(form: Format) -> structlog.typing.Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


def _without_nothing(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keys without a value say nothing; values are written as text."""
    return {
        key: value if isinstance(value, str | int | float | bool) or key == "exc_info" else str(value)
        for key, value in event.items()
        if value is not None
    }
