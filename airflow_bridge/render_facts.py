"""What a DAG says of itself beside its file, so that others can compare; imports no Airflow."""

from __future__ import annotations

from datetime import timedelta

#: The lifecycle ends an engine at its timeout and says so; Airflow's is for what does not end.
MARGIN = timedelta(seconds=60)
#: The last line of a DAG's page.
FINGERPRINT = "Compiled as `{}`."
#: How much of a fingerprint it shows.
SHOWN = 16
