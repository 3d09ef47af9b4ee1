"""What the platform asks of Airflow: a small client of its REST API, version 2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from connector_assets.errors import TransientSyncError

_PAGE = 100


class AirflowError(TransientSyncError):
    """Airflow does not answer, or refuses; ``status`` is that of its answer, 0 for none."""

    status = 0


@dataclass(frozen=True, slots=True)
class AirflowClient:
    """An Airflow at a URL; ``token`` is empty where it asks for none."""

    url: str
    token: str = field(default="", repr=False)
    timeout: float = 30.0

    def log_in(self, user: str, password: str) -> AirflowClient:
        """Return a client with a token of the user's.

        Raises:
            AirflowError: It does not answer, or knows no such user and password.
        """
        body = {"username": user, "password": password}
        token = str(self._send("POST", "/auth/token", body)["access_token"])
        return replace(self, token=token)

    def is_ready(self) -> bool:
        """Tell whether its API answers, and its scheduler and DAG processor have been seen."""
        try:
            health = self.ask("GET", "/monitor/health")
        except AirflowError:
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all((health.get(one) or {}).get("status") == "healthy" for one in parts)

    def dag(self, dag: str) -> dict[str, Any]:
        """Return a DAG, as Airflow has it."""
        return self.ask("GET", f"/dags/{quote_part(dag)}")

    def trigger(self, dag: str, *, conf: Mapping[str, Any] | None = None, run_id: str = "") -> str:
        """Start a DAG run and return its id."""
        body = {
            "logical_date": None,
            "conf": dict(conf or {}),
            **({"dag_run_id": run_id} if run_id else {}),
        }
        return str(self.ask("POST", f"/dags/{quote_part(dag)}/dagRuns", body)["dag_run_id"])

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """Return a DAG run."""
        return self.ask("GET", f"/dags/{quote_part(dag)}/dagRuns/{quote_part(run)}")

    def task_instances(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        """Return the tasks of a DAG run, by their ids."""
        found = self.ask("GET", f"/dags/{quote_part(dag)}/dagRuns/{quote_part(run)}/taskInstances")
        return {one["task_id"]: one for one in found["task_instances"]}

    def tasks(self, dag: str, run: str) -> dict[str, str | None]:
        """Return the states of a DAG run's tasks, by their ids."""
        found = self.task_instances(dag, run)
        return {task: one["state"] for task, one in found.items()}

    def pages(self, path: str, *, of: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield all records of a list, page by page."""
        seen = 0
        while True:
            asked = urlencode({**query, "limit": _PAGE, "offset": seen})
            found = self.ask("GET", f"{path}?{asked}")
            yield from found[of]
            seen += len(found[of])
            if not found[of] or seen >= found["total_entries"]:
                return

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return what the API answers to a request.

        Raises:
            AirflowError: It does not answer, or refuses; with what it says.
        """
        return self._send(method, f"/api/v2{path}", body)

    def _send(self, method: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data=data, headers=headers, method=method)
        try:
            with urlopen(request, timeout=self.timeout) as answer:
                text = answer.read()
        except HTTPError as error:
            told = error.read().decode(errors="replace")[:500]
            refused = AirflowError(
                f"Airflow answers {error.code} to {method} {path}: {told}", place=self.url
            )
            refused.status = error.code
            raise refused from error
        except OSError as error:
            raise AirflowError(f"Airflow does not answer: {error}", place=self.url) from error
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


def quote_part(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")
