"""A group's DAG as text: what a person reads before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bridge.group import Group


def render_text(group: Group) -> str:
    """Return a group as lines: its steps, when it runs, and how it fails."""
    return "\n".join(_lines(group)) + "\n"


def _lines(group: Group) -> Iterator[str]:
    yield f"{group.name}  {group.engine}  env {group.environment}  owner {group.owner or 'nobody'}"
    yield f"  start_dag -> {group.run_step} -> finalize_dag -> final_status"
    yield f"  due      {_describe_schedule(group)}"
    waits = f", the first after {group.retry_wait:g} s" if group.retries else ""
    yield f"  retries  {group.retries} of the run step{waits}; at most {group.timeout:g} s each"
    yield f"  runs     {group.place.interpreter or 'in the interpreter of Airflow'}"
    if group.pool:
        yield f"  pool     {group.pool}"
    for stream in group.streams:
        yield f"  outlet   {stream.asset} -> {stream.table}"
    yield f"  plan     {group.plan[:12]}  fingerprint {group.fingerprint[:12]}"


def _describe_schedule(group: Group) -> str:
    if group.schedule:
        return f"{group.schedule.cron} {group.schedule.timezone}"
    return f"after {', '.join(group.upstream)}" if group.upstream else "when somebody starts it"
