"""What killed runs of Meltano left in a project: configuration with secrets, rotated secrets."""

from __future__ import annotations

from pathlib import Path

from connector_assets.credentials.write_back import check_store
from connector_assets.model import Connector, Engine


def clear_configuration(root: Path) -> None:
    """Remove the configuration files that killed runs of Meltano left; those in use stay."""
    from connector_assets.engines.meltano_overlay import clean_overlays

    clean_overlays(root / ".connectors" / "meltano")


def settle_rotated(connector: Connector, *, root: Path) -> tuple[str, ...]:
    """Store what a connector's tap rotated before it was killed, and check that it can rotate.

    Returns the names of the secrets that have a new value now.

    Raises:
        CredentialError: A value that waits cannot be stored, or a new one would not be seen.
    """
    if connector.engine is not Engine.MELTANO or not connector.credentials.write_back:
        return ()
    from connector_assets.engines.meltano_rotation import recover_rotated

    for name, store in connector.credentials.write_back.items():
        check_store(name, source=connector.secrets[name], store=store, root=root)
    return recover_rotated(connector, root=root)
