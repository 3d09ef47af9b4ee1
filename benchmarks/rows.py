"""Which rows there are, in the order of the page; each is made when it is its turn."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import flights, loads, memory, views
from benchmarks.measure import Row
from benchmarks.subjects import Place

_LOADS: dict[str, Callable[[Place], Row]] = {
    "singer_1m": loads.singer,
    "postgres_1m": loads.postgres,
    "csv_1m": loads.csv,
    "dlt_1m": loads.arrow,
    "gate": loads.gate,
    "nested_1m": loads.dicts,
    "flights_meltano": flights.flights_by_meltano,
    "flights_dlt": flights.flights_by_dlt,
    "merge_100k": memory.merge_changed,
    "nothing_new": flights.nothing_new,
    "nothing_new_meltano": flights.nothing_new_by_meltano,
}
_VIEWS: dict[str, Callable[[Place], Row]] = {
    "dagster_1000": views.dagster,
    "drift_ticks": views.drift_ticks,
    "mirror_100": views.mirror,
    "airflow_1000": views.airflow,
    "airflow_parse": views.airflow_parse,
    "airflow_idle": views.airflow_idle,
}
ROWS: dict[str, Callable[[Place], Row]] = {
    **_LOADS,
    **memory.MEMORY,
    "memory_singer_10m": memory.memory_singer,
    **_VIEWS,
}
#: Measured only on demand: slow.
BIG = frozenset(key for key in ROWS if key.endswith("_10m"))
