"""States that another tool has: Meltano's database or file, a dlt pipeline's folder."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.engines.meltano_ask import copy_database
from connector_assets.engines.refresh import list_resources
from connector_assets.errors import ConfigError
from connector_assets.model import PYTHON_SOURCES, Connector, Stream

_DATABASE = Path(".meltano") / "meltano.db"
_STATE_FILE = "state.json"
_SINGER = "singer_state"


def fetch_meltano_states(path: Path) -> dict[str, Any]:
    """Return the states at a path, by id, as ``meltano state export`` prints them.

    The path is a Meltano project, its SQLite database, or a file that ``meltano state get`` or
    ``meltano state export`` wrote; of the first of these the id is the file's name. Nothing is
    written to it.

    Raises:
        ConfigError: It is none of these, or cannot be read.
    """
    file = path / _DATABASE if path.is_dir() else path
    if not file.is_file():
        fix = "Name a Meltano project that keeps its state in SQLite, or write a file: "
        fix += "meltano state get ID > state.json"
        raise ConfigError("there is no state of Meltano's here", place=str(file), fix=fix)
    with file.open("rb") as opened:
        if opened.read(15) == b"SQLite format 3":
            return _read_database(file)
    content = load_json(file)
    if _SINGER in content:
        return {file.stem: {"completed": content}}
    return content


def load_pipeline_state(folder: Path) -> dict[str, Any]:
    """Return the state in a dlt pipeline's working folder, ``PIPELINES_DIR/NAME``.

    Raises:
        ConfigError: It is no such folder.
    """
    file = folder / _STATE_FILE
    if not file.is_file():
        fix = "Name PIPELINES_DIR/NAME (~/.dlt/pipelines/NAME, unless it was given another place)."
        raise ConfigError("there is no pipeline of dlt's here", place=str(file), fix=fix)
    return load_json(file)


def load_json(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ConfigError: There is none.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"this is no file of JSON: {error}", place=str(file)) from error
    if not isinstance(content, dict):
        raise ConfigError("this is no JSON object", place=str(file))
    return content


def fit_sources(connector: Connector, sources: Mapping[str, Any], *, root: Path) -> dict[str, Any]:
    """Return what a dlt pipeline kept for its source, as the connector's own source has it.

    Only the positions of the connector's streams are taken. A source in Python is asked for its
    name; no row is read.

    Raises:
        ConfigError: The pipeline has no position of any of the streams, or followed another cursor
            than one of them does.
    """
    names = set(list_resources(connector))
    fitting = {name: one for name, one in sources.items() if names & set(_resources(one))}
    if len(fitting) != 1:
        known = sorted({name for one in sources.values() for name in _resources(one)})
        listed = ", ".join(known) or "no stream"
        raise ConfigError(
            f"{len(fitting)} sources of the pipeline know streams of {connector.name}; it has"
            f" positions of {listed}",
            connector=connector.name,
            fix="The connector's streams have to have the names of the pipeline's resources.",
        )
    ((_, theirs),) = fitting.items()
    kept = {name: one for name, one in _resources(theirs).items() if name in names}
    for stream in connector.streams:
        _check_cursor(stream, kept.get(stream.name) or {}, connector=connector)
    return {_find_name(connector, root=root): {**theirs, "resources": kept}}


def _resources(source: Any) -> Mapping[str, Any]:
    found = source.get("resources") if isinstance(source, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _check_cursor(stream: Stream, entry: Mapping[str, Any], *, connector: Connector) -> None:
    followed = entry.get("incremental") or {}
    if stream.cursor and followed and stream.cursor not in followed:
        raise ConfigError(
            f"the pipeline followed {', '.join(followed)} of {stream.name}, the connector follows"
            f" {stream.cursor}",
            connector=connector.name,
            stream=stream.name,
            place=f"{connector.file}",
            fix="It would be read from its beginning. Follow the same cursor.",
        )


def _find_name(connector: Connector, *, root: Path) -> str:
    """Return the name under which dlt keeps what is the connector's source's."""
    if connector.source_kind not in PYTHON_SOURCES:
        return connector.name
    from connector_assets.engines.sources import build_source
    from connector_assets.engines.staging import apply_settings

    apply_settings()
    of = f"connector {connector.name}"
    secrets = resolve_secrets(connector.secrets, of=of, root=root)
    return str(build_source(connector, secrets=secrets).name)


def _read_database(file: Path) -> dict[str, Any]:
    query = "SELECT state_id, completed_state, partial_state FROM state ORDER BY state_id"
    with tempfile.TemporaryDirectory(prefix="connectors-meltano-") as folder:
        copy = Path(folder) / file.name
        copy_database(file, to=copy)
        try:
            with closing(sqlite3.connect(copy)) as database:
                rows = database.execute(query).fetchall()
        except sqlite3.Error as error:
            problem = f"this is no database of Meltano's: {error}"
            raise ConfigError(problem, place=str(file)) from error
    return {
        name: {"completed": json.loads(completed or "{}"), "partial": json.loads(partial or "{}")}
        for name, completed, partial in rows
    }
