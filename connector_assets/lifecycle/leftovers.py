"""What killed runs of Meltano left in a project: configuration with secrets, rotated secrets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from connector_assets.credentials.redact import Redactor
from connector_assets.credentials.sources import Secrets, resolve_connector
from connector_assets.credentials.write_back import check_store
from connector_assets.errors import CredentialError
from connector_assets.model import Connector, Engine


def clear_configuration(root: Path) -> None:
    """Remove the configuration files that killed runs of Meltano left; those in use stay."""
    from connector_assets.engines.meltano_overlay import clean_overlays

    clean_overlays(root / ".connectors" / "meltano")


class Redaction:
    """Redacts a connector's log line by line, values too that its tap gets while it runs."""

    def __init__(self, connector: Connector, *, root: Path, secrets: Secrets) -> None:
        self._connector, self._root = connector, root
        self._values = secrets.values
        self._redactor = Redactor(self._values)
        self._rotates = bool(connector.credentials.write_back)

    def line(self, line: bytes) -> bytes:
        """Return a line without secrets."""
        if self._rotates:
            self._learn()
        return self._redactor.line(line)

    def finish(self, log: Path) -> None:
        """Take out of a log that is complete what the tap said before it wrote it down."""
        if not self._rotates:
            return
        with suppress(CredentialError):
            now = resolve_connector(self._connector, root=self._root).values
            self._take(now)
        if log.exists() and (text := log.read_bytes()) != (clean := self._redactor.line(text)):
            log.write_bytes(clean)

    def _learn(self) -> None:
        from connector_assets.engines.meltano_rotation import read_new_values

        self._take(frozenset(read_new_values(self._connector, root=self._root)))

    def _take(self, values: frozenset[str]) -> None:
        if not values <= self._values:
            self._values |= values
            self._redactor = Redactor(self._values)


def settle_rotated(connector: Connector, *, root: Path) -> tuple[str, ...]:
    """Store what a connector's tap rotated before it was killed, and check that it can rotate.

    What it left by a name that the connector had is stored, too. Returns the names of the secrets
    that have a new value now.

    Raises:
        CredentialError: A value that waits cannot be stored, or a new one would not be seen.
    """
    if connector.engine is not Engine.MELTANO or not connector.credentials.write_back:
        return ()
    from connector_assets.engines.meltano_rotation import recover_rotated

    for name, store in connector.credentials.write_back.items():
        check_store(name, source=connector.secrets[name], store=store, root=root)
    names = (connector.name, *connector.renamed_from)
    found = (recover_rotated(replace(connector, name=one), root=root) for one in names)
    return tuple(secret for secrets in found for secret in secrets)
