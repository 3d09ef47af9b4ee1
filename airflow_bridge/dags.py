"""What the DAG file calls: the groups of a folder as DAGs, each broken one an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from airflow_bridge.broken import build_broken
from airflow_bridge.group import AGAIN, GroupError, parse_group
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
            dag = _load_one(path)
        except GroupError as error:
            dag = build_broken(name, file=path, problem=str(error))
        # Whatever is wrong with one group, and whoever finds it, is no matter of the others.
        except Exception as error:
            problem = f"{path.name} cannot be used: {error}. {AGAIN}"
            dag = build_broken(name, file=path, problem=problem)
        yield name, dag


def _load_one(path: Path) -> DAG:
    group = parse_group(path.read_bytes().decode(), file=path.name)
    if group.name != path.stem:
        raise GroupError(
            f"{path.name} has the group {group.name}, whose file is {group.name}.json. "
            f"Remove it. {AGAIN}"
        )
    dag = render_dag(group, root=(path.parent / group.project).resolve())
    # Airflow does so later, and then takes it for an error of the whole DAG file.
    dag.validate()  # type: ignore[no-untyped-call]  # Airflow's
    return dag


def _list_files(folder: Path, *, wanted: str | None) -> list[Path]:
    # A worker runs this file anew for each task.
    if wanted and (path := folder / f"{wanted}.json").is_file():
        return [path]
    return sorted(folder.glob("*.json"))
