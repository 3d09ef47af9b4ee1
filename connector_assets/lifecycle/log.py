"""The log of one sync: JSON lines with its ids, redacted before they are written anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from connector_assets.artifacts import log_file
from connector_assets.credentials.redact import Redactor
from connector_assets.lifecycle.setting import Setting


class SyncLog:
    """Appends lines ``{"at", "level", "event", "source", "sync_id", "connector", ...}``.

    Engines write through :meth:`render`, the platform through :attr:`logger`; ``echo`` is called
    with each line, from whichever thread wrote it.
    """

    def __init__(
        self,
        path: Path,
        *,
        redactor: Redactor,
        context: Mapping[str, str],
        echo: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._redactor = redactor
        self._context = dict(context)
        self._echo = echo

    @cached_property
    def logger(self) -> Any:
        """What the platform writes with; most syncs have nothing to say."""
        import structlog

        return structlog.wrap_logger(
            _Sink(self.path),
            processors=[
                structlog.processors.add_log_level,
                self._complete,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
            context_class=dict,
        )

    @classmethod
    def of(cls, setting: Setting, *, connector: str, sync_id: str, redactor: Redactor) -> Self:
        """Return the log of a project's sync."""
        path = log_file(
            setting.project.artifacts,
            connector=connector,
            sync_id=sync_id,
            work=setting.project.work,
        )
        context = {"sync_id": sync_id, "connector": connector}
        return cls(path, redactor=redactor, context=context, echo=setting.observer.logged)

    def render(self, line: bytes) -> bytes:
        """Return an engine's line, redacted already, as one of this log."""
        text = line.decode(errors="replace").rstrip()
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict) or "event" not in content:
            content = {"level": "info", "event": text, "source": "engine"}
        complete = self._complete(None, "", content)
        return json.dumps(complete, ensure_ascii=False).encode()

    def _complete(self, _logger: Any, _method: str, content: Any) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": "info", "source": "platform", **content, **self._context}
        clean: dict[str, Any] = self._redactor.value(line)
        self._echo(clean)
        return clean


class _Sink:
    """Where structlog writes: one append a line, so that engine and platform can share a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _append(self, line: str) -> None:
        # A log that cannot be written must not end a sync.
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            return

    debug = info = warning = error = critical = _append
