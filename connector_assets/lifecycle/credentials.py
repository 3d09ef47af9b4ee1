"""Whether a connector's credentials are there, and whether its source takes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from connector_assets.credential_models import describe_age
from connector_assets.credentials.env_file import FILE
from connector_assets.credentials.sources import check_secrets, mask_source
from connector_assets.errors import ConnectorError, CredentialError, StreamMissing
from connector_assets.lifecycle.exits import worst
from connector_assets.lifecycle.leftovers import settle_rotated
from connector_assets.lifecycle.probe import look
from connector_assets.model import Connector
from connector_assets.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSecret:
    """A secret, where it comes from (without words that can be secret), and what is wrong."""

    name: str
    source: str
    error: CredentialError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found of a connector's credentials; ``login`` is empty where nobody logged in."""

    connector: Connector
    secrets: tuple[CheckedSecret, ...] = ()
    login: str = ""
    notes: tuple[str, ...] = ()
    errors: tuple[ConnectorError, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the worst error; 0 without one."""
        return worst([error.exit_code for error in self.errors])


def check_connector(project: Project, connector: Connector) -> Checked:
    """Look for the secrets of a connector and of its destination, and store what waits.

    Raises nothing of it: what is wrong is in the result.
    """
    root, errors = project.root, list[ConnectorError]()
    try:
        settle_rotated(connector, root=root)
    except CredentialError as error:
        errors.append(error)
    secrets = []
    destination = connector.destination
    for of, sources in (
        (f"connector {connector.name}", connector.secrets),
        (f"destination {destination.name}", destination.secrets),
    ):
        for name, source in sources.items():
            found = check_secrets({name: source}, of=of, root=root)
            missing = found[0].with_context(connector=connector.name) if found else None
            secrets.append(CheckedSecret(name=name, source=mask_source(source), error=missing))
            errors += [missing] if missing else []
    return Checked(
        connector=connector,
        secrets=tuple(secrets),
        notes=tuple(_note(connector, project=project)),
        errors=tuple(errors),
    )


def log_in(project: Project, checked: Checked, *, timeout: float) -> Checked:
    """Ask the source for what it has, with the secrets that a sync would use."""
    connector = checked.connector
    if not connector.secrets:
        return replace(checked, login="not tested: it has no secrets")
    try:
        look(project, connector, known={}, state={}, timeout=timeout)
    except StreamMissing:
        # It let us in, and has something else than the connector wants.
        return replace(checked, login="ok")
    except ConnectorError as error:
        ours = error.with_context(connector=connector.name)
        word = "refused" if isinstance(error, CredentialError) else "not tested: no answer"
        return replace(checked, login=word, errors=(*checked.errors, ours))
    return replace(checked, login="ok")


def _note(connector: Connector, *, project: Project) -> Iterator[str]:
    if age := describe_age(connector):
        yield f"{age}: connectors credentials backfill {connector.name} --apply"
    from connector_assets.credentials.env_file import read_variables

    known = {*os.environ, *read_variables(project.root)}
    for name, source in connector.secrets.items():
        kind, _, variables = source.partition(":")
        new, _, old = variables.partition("|")
        if kind == "env" and old and new not in known and old in known:
            yield f"{name} is read from {old}, its old name, for one version: set {new} instead"
        elif kind == "env" and new not in os.environ and new in known:
            yield f"{name} is read from {FILE}"
