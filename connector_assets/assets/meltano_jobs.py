"""Meltano's maintenance commands as Dagster jobs: install, test, state list.

The ops are dagster-meltano's. Its resource is not: it runs commands by a shell, in a process that a
cancelled run leaves behind, with secrets in the log, one project per process, and of a failure it
tells the exit code alone (docs/decisions/0013). Ours has the one method that the ops call.

Needs the extra "import-meltano": importing this module without it is a ConfigError.
"""

from __future__ import annotations

import importlib.util
import shlex
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagster import (
    Failure,
    GraphDefinition,
    JobDefinition,
    MetadataValue,
    ResourceDefinition,
)

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.engines.meltano_maintenance import Maintenance
from connector_assets.engines.meltano_plugin import name_plugin
from connector_assets.errors import ConfigError, ConnectorError, CredentialError
from connector_assets.model import Connector, Engine
from connector_assets.project import Project, load_project

if importlib.util.find_spec("dagster_meltano") is None:
    raise ConfigError(
        "dagster-meltano is not installed",
        place="the Python environment of `connectors`",
        # Its requirements, taken at their word, would bring a Dagster of two years ago.
        fix="It is the extra `import-meltano`: pip install --no-deps dagster-meltano==1.5.5 "
        "dagster-shell==0.25.13",
    )

INSTALL, TEST, STATE_LIST = "meltano_install", "meltano_test", "meltano_state_list"


class MeltanoCommands:
    """What dagster-meltano's ops expect as the resource ``meltano``, by our supervised process."""

    def __init__(self, root: Path, *, environment: str) -> None:
        """Take the project's folder; it is read anew by each command."""
        self._root = root
        self._environment = environment

    def execute_command(self, command: str, env: Mapping[str, str], logger: Any) -> str:
        """Run a command, tell ``logger`` each line of its output, and return all of it.

        ``config test PLUGIN`` of a connector's plugin runs with the connector's settings.

        Raises:
            Failure: It failed; with the last lines, and where the log is.
        """
        words = shlex.split(command)
        try:
            return self._execute(words, variables=env, tell=logger.info)
        except ConnectorError as error:
            about = {"place": error.place, "next": error.fix, "error": type(error).__name__}
            metadata = {key: MetadataValue.text(text) for key, text in about.items() if text}
            raise Failure(str(error), metadata=metadata, allow_retries=False) from error

    def _execute(
        self, words: list[str], *, variables: Mapping[str, str], tell: Callable[[str], object]
    ) -> str:
        project = load_project(self._root, environment=self._environment, tolerate=True)
        connectors = list_meltano(project)
        hidden = frozenset(
            value for one in connectors for value in _find_secrets(one, root=self._root).values()
        )
        maintenance = Maintenance(
            root=self._root,
            environment=self._environment,
            # A run's own variables may be settings of a tap.
            secrets=hidden | frozenset(variables.values()),
        )
        tested = {_test_words(one): one for one in connectors}
        connector = tested.get(tuple(words))
        if connector is None:
            return maintenance.run(*words, tell=tell, variables=variables)
        of = f"connector {connector.name}"
        secrets = resolve_secrets(connector.secrets, of=of, root=self._root)
        return maintenance.test(connector, secrets=secrets, tell=tell)


def build_meltano_jobs(project: Project) -> list[JobDefinition]:
    """Return the jobs of the Meltano project in the project's folder; runs and reads nothing."""
    tests = {f"{TEST}_{one.name}": shlex.join(_test_words(one)) for one in list_meltano(project)}
    commands = MeltanoCommands(project.root, environment=project.environment)
    return [
        _build_job(
            INSTALL,
            {f"{INSTALL}_plugins": "install"},
            commands=commands,
            description="Installs the plugins of meltano.yml, as `meltano install` does.",
        ),
        _build_job(
            TEST,
            tests,
            commands=commands,
            description="Starts the tap of each Meltano connector, with the connector's settings "
            "and secrets, until its first row comes. Nothing is loaded.",
        ),
        _build_job(
            STATE_LIST,
            {f"{STATE_LIST}_ids": "state list"},
            commands=commands,
            description="Lists the states that Meltano's own runs left. Connectors do not use "
            "them: `connectors import meltano` carries them over.",
        ),
    ]


def list_meltano(project: Project) -> list[Connector]:
    """Return the project's connectors that run by Meltano."""
    return [one for one in project.connectors if one.engine is Engine.MELTANO]


def _test_words(connector: Connector) -> tuple[str, ...]:
    return ("config", "test", name_plugin(connector))


def _build_job(
    name: str, commands_by_op: Mapping[str, str], *, commands: MeltanoCommands, description: str
) -> JobDefinition:
    graph = GraphDefinition(
        name=name,
        node_defs=[_build_op(command, name=op) for op, command in commands_by_op.items()],
    )
    resource = ResourceDefinition.hardcoded_resource(commands)
    return graph.to_job(description=description, resource_defs={"meltano": resource})


def _build_op(command: str, *, name: str) -> Any:
    with warnings.catch_warnings():
        # dagster-shell counts its versions otherwise since it left Dagster's own repository.
        warnings.filterwarnings("ignore", message="Found version mismatch")
        from dagster_meltano import meltano_command_op
    return meltano_command_op(command, dagster_name=name)


def _find_secrets(connector: Connector, *, root: Path) -> dict[str, str]:
    """Return the secrets that are there, for redaction: a command may need none of them."""
    try:
        return resolve_secrets(connector.secrets, of=f"connector {connector.name}", root=root)
    except CredentialError:
        return {}
