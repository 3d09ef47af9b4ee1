"""Opens the Airflow of a project: its URL, and whoever logs in there."""

from __future__ import annotations

from connector_assets.airflow_api.client import AirflowClient
from connector_assets.credentials.sources import resolve_text
from connector_assets.errors import ConfigError
from connector_assets.project import Project


def open_client(project: Project, *, timeout: float = 30.0) -> AirflowClient:
    """Return a client of the project's Airflow, logged in where the project says who.

    Raises:
        ConfigError: The project has no Airflow.
        CredentialError: User or password are not there.
        AirflowError: It does not answer, or refuses the login.
    """
    access = project.airflow
    if access is None:
        raise ConfigError(
            "the project has no Airflow",
            place="connectors.yaml",
            fix="Write `airflow: {url: ...}`, or set CONNECTORS_AIRFLOW_URL.",
        )
    client = AirflowClient(access.url.rstrip("/"), timeout=timeout)
    if not access.user:
        return client
    user, password = (
        resolve_text(text, of="Airflow", root=project.root)
        for text in (access.user, access.password)
    )
    return client.log_in(user, password)
