"""A group that cannot be used, as an import error of its own: the one touch on Airflow's parsing.

Airflow has one import error per file of DAGs, and where a file has one it stops scheduling all of
its DAGs. An error of serialization, though, is noted under the path that the DAG gives for itself;
this one gives that of its group's file, so that the others of the DAG file go on.

Each time Airflow looks for new files (`[dag_processor] refresh_interval`) it forgets errors of
paths that are no DAG files. So an error is away from there to the next parse of the DAG file, and
the one of a file that was mended goes then, not sooner.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import DAG


class BrokenDag(DAG):
    """A DAG that cannot be serialized, and says why."""

    _file = ""
    _problem = ""

    @property
    def relative_fileloc(self) -> str:
        """The file of the group, whatever Airflow sets."""
        return self._file

    @relative_fileloc.setter
    def relative_fileloc(self, _value: Any) -> None: ...

    @classmethod
    def get_serialized_fields(cls) -> NoReturn:
        """Refuse to be serialized.

        Raises:
            ValueError: What is wrong with the file.
        """
        raise ValueError(cls._problem)


def build_broken(name: str, *, file: Path, problem: str) -> DAG:
    """Return a DAG that becomes the import error of a group's file."""
    place = {"_file": f"{file.parent.name}/{file.name}", "_problem": problem}
    broken: DAG = type("BrokenDag", (BrokenDag,), place)(name, schedule=None)
    return broken
