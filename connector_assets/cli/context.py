"""The project and the ledger that a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector_assets.ledger.store import Ledger
    from connector_assets.project import Project


def find(project_dir: Path | None) -> Path:
    """Return the folder of the project: the one named, or the nearest one from here upwards.

    Raises:
        ConfigError: There is none; a folder above the one named is not taken for it.
    """
    from connector_assets.errors import ConfigError
    from connector_assets.project import find_project
    from connector_assets.project_file import FILE

    if project_dir is None:
        return find_project(Path.cwd())
    root = project_dir.expanduser().absolute()
    if not (root / FILE).is_file():
        fix = f"Name the folder of a {FILE}, or make a project: connectors init {project_dir}"
        raise ConfigError(f"there is no {FILE} in this folder", place=str(root), fix=fix)
    return root


def load(project_dir: Path | None, env: str | None, *, tolerate: bool = False) -> Project:
    """Return the project at a folder, or the nearest one from here upwards.

    With ``tolerate`` broken connector files are in ``broken`` and the others can be used.

    Raises:
        ConfigError: There is no project, or something in it must be changed.
    """
    from connector_assets.project import load_project

    return load_project(find(project_dir), environment=env, tolerate=tolerate)


def who() -> str:
    """Return who gives a command: the user and the machine."""
    import getpass
    import socket

    return f"{getpass.getuser()}@{socket.gethostname()}"


def open_ledger(project: Project) -> Ledger:
    """Return the project's ledger, open; it is made where there is none yet.

    An older one is migrated, unless it is production's.

    Raises:
        ConfigError: The URL is wrong, or the ledger is newer than this installation, or older in
            production.
        CredentialError: The URL comes from somewhere, and is not there.
        LedgerUnreachable: The database does not answer.
    """
    from connector_assets.ledger.store import Ledger

    return Ledger.open(find_ledger(project), migrate=not project.production)


def find_ledger(project: Project) -> str:
    """Return the URL of the project's ledger, which can hold a password.

    Raises:
        CredentialError: It comes from somewhere, and is not there.
    """
    from connector_assets.credentials.sources import resolve_text
    from connector_assets.paths import resolve_url

    url = resolve_text(project.ledger_url, of="ledger", root=project.root)
    return resolve_url(url, root=project.root)


def has_ledger(project: Project) -> bool:
    """Tell whether opening the ledger would not make its file; a server's is taken to be there."""
    scheme, separator, path = project.ledger_url.partition(":///")
    return not (separator and scheme.startswith("sqlite")) or Path(path).exists()


def list_names(project: Project) -> list[str]:
    """Return the names of a project's connectors, those of broken files too."""
    good = {one.name for one in project.connectors}
    return sorted(good | {one.name for one in project.broken if one.name})
