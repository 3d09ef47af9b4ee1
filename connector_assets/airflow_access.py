"""Where the Airflow of a project answers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowAccess:
    """An Airflow that runs connectors: where it answers, and who logs in (or sources), if any."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
