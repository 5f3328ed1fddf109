"""Barograph in Airflow: schedules, steps, links and pages. With dags/, the only code that imports airflow."""
