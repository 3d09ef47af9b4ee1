"""Airflow as the platform asks it: over its REST API, without Airflow installed."""
