"""What the DAG file calls: the groups of a folder as DAGs, each broken one an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from airflow_bridge.broken import build_broken
from airflow_bridge.group import GroupError, parse_group
from airflow_bridge.names import dag_id
from airflow_bridge.render import render_dag


def load_dags(folder: Path) -> dict[str, DAG]:
    """Return the DAGs of a folder of groups, by id; of a task's process only the one it asks for.

    A group whose file cannot be used becomes an import error that names the file; the others are
    not concerned.
    """
    return dict(_load(folder))


def _load(folder: Path) -> Iterator[tuple[str, DAG]]:
    wanted = get_parsing_context().dag_id
    for path in _list_files(folder, wanted=wanted):
        name = dag_id(path.stem)
        try:
            group = parse_group(path.read_text(encoding="utf-8"), file=path.name)
            yield name, render_dag(group, root=(folder / group.project).resolve())
        except (OSError, GroupError) as error:
            yield name, build_broken(name, file=path, error=error)


def _list_files(folder: Path, *, wanted: str | None) -> list[Path]:
    # A worker runs this file anew for each task.
    if wanted and (path := folder / f"{wanted}.json").is_file():
        return [path]
    return sorted(folder.glob("*.json"))
