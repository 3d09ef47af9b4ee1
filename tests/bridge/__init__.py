"""The bridge: the files of the groups, and what Airflow makes of them."""
