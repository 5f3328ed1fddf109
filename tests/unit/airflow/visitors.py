"""People who open the pages: a stranger, and one with each of Airflow's roles."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.testclient import TestClient

ROLES = {"viewer": "viewer", "operator": "user", "admin": "admin"}
"""What we call them -> Airflow's role: `user` is the least that may start runs."""

FROM_HERE = {"HX-Request": "true"}
"""What our own pages send."""


def visit(app: FastAPI, who: str) -> TestClient:
    if who == "stranger":
        app.dependency_overrides.pop(get_user, None)
    else:
        app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username=who, role=ROLES[who])
    return TestClient(app, raise_server_exceptions=False)
