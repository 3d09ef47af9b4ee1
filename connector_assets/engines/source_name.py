"""Asks a source in Python for its own name, in a process like the one that extracts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector_assets.connector_json import parse_connector, render_connector
from connector_assets.credentials.redact import Redactor
from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConnectorError, EngineTimeout, FatalSyncError
from connector_assets.model import PYTHON_SOURCES, Connector
from connector_assets.project_file import ENVIRONMENT_VARIABLE

#: Seconds for importing the source, and for what it looks up before it gives a row.
_WAIT = 120.0


def ask_source_name(connector: Connector, *, root: Path, environment: str) -> str:
    """Return the name under which dlt keeps what is the connector's source's; no row is read.

    It is the connector's, but for a source in Python that has one of its own.

    Raises:
        ConnectorError: The source cannot be made, or does not answer.
    """
    if connector.source_kind not in PYTHON_SOURCES:
        return connector.name
    secrets = resolve_secrets(connector.secrets, of=f"connector {connector.name}", root=root)
    asked = {
        "connector": render_connector(connector, root=root),
        "root": str(root),
        "secrets": secrets,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "connector_assets.engines.source_name"],
            input=json.dumps(asked).encode(),
            cwd=root,
            env={**os.environ, ENVIRONMENT_VARIABLE: environment},
            capture_output=True,
            check=False,
            timeout=_WAIT,
        )
        # The source may print, too.
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        problem = f"{connector.source} did not say its name within {_WAIT:g} seconds"
        raise EngineTimeout(problem, connector=connector.name) from None
    except (IndexError, ValueError) as error:
        problem = f"{connector.source} cannot be asked for its name: exit code {done.returncode}"
        raise FatalSyncError(problem, connector=connector.name) from error
    if "error" in answer:
        raise ConnectorError.from_record(answer["error"])
    return str(answer["name"])


def main() -> int:
    """Print the name of the source that standard input describes, as JSON in the last line."""
    asked = json.loads(sys.stdin.read())
    root = Path(asked["root"])
    connector = replace(parse_connector(asked["connector"], root=root), streams=())
    # Last, so that no file of the project hides a module of Python's or ours.
    sys.path.append(str(root))
    from connector_assets.engines.sources import build_source
    from connector_assets.engines.staging import apply_settings

    apply_settings()
    try:
        answer: dict[str, Any] = {"name": build_source(connector, secrets=asked["secrets"]).name}
    except ConnectorError as error:
        Redactor(asked["secrets"].values()).error(error)
        answer = {"error": error.to_record()}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
