"""The Airflow view of connector-assets: each asset group as one four-step DAG."""
