"""The web server's own log: its entries quote requests, as those of the rest of the service quote others."""

from __future__ import annotations

from gunicorn.glogging import Logger

from controller.log_entries import EntryFormatter, formatter


class ServerLog(Logger):  # type: ignore[misc]
    """Gunicorn's log, whose entries are lines of their own."""

    def setup(self, cfg: object) -> None:
        """Give each handler that gunicorn makes a formatter that escapes the text of others."""
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            known = handler.formatter
            if known is not None and not isinstance(known, EntryFormatter):
                handler.setFormatter(formatter(known._fmt, known.datefmt))
