"""Airflow over its REST API: trigger, watch, backfill. Only home of httpx.

Never the command line: every call of it costs six seconds before it does anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings

PATIENCE = 60.0
"""Seconds without an answer until waiting for a run is given up."""

Run = dict[str, Any]
"""A Dag run as Airflow tells it: dag_run_id, state, run_type, logical_date, start_date, end_date, conf, ..."""


class Airflow:
    """A logged-in client. Use it in a `with`."""

    def __init__(
        self,
        address: str,
        password: str = "",
        user: str = "admin",
        transport: httpx.BaseTransport | None = None,
        token: str = "",
        timeout: float = 30.0,
    ) -> None:
        """`token` is of somebody who is logged in already: everything is done as he."""
        self.address = address
        self._user, self._password = user, password
        self._client = httpx.Client(base_url=address, timeout=timeout, transport=transport, trust_env=False)
        self._token = token

    @classmethod
    def of(cls, settings: Settings, timeout: float = 30.0) -> Airflow:
        return cls(settings.airflow_address, settings.secret("airflow_admin"), timeout=timeout)

    def __enter__(self) -> Airflow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def health(self) -> dict[str, Any]:
        """Heartbeats of all components; needs no login."""
        return dict(self._send("GET", "/api/v2/monitor/health").json())

    def dags(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "/dags", params={"limit": 100})["dags"])

    def import_errors(self) -> list[str]:
        found = self._ask("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in found]

    def wait_for_dag(self, dag: str, timeout: float = 120) -> None:
        """Wait until the DAG was found in its file. Raises ServiceUnavailable with the import errors."""
        deadline = time.monotonic() + timeout
        while dag not in {found["dag_id"] for found in self.dags()}:
            if time.monotonic() > deadline:
                problems = "\n  ".join(self.import_errors()) or "no import errors"
                raise ServiceUnavailable(f"Airflow has not found the DAG {dag} in {timeout:.0f} s:\n  {problems}")
            time.sleep(1)

    def pause(self, dag: str, paused: bool) -> None:
        self._ask("PATCH", f"/dags/{dag}", json={"is_paused": paused})

    def unpause(self, dag: str) -> None:
        self.pause(dag, False)

    def trigger(self, dag: str, conf: dict[str, Any] | None = None, note: str | None = None) -> str:
        """Start a run by hand; its run id. The note stands beside the run in Airflow."""
        body = {"logical_date": None, "conf": conf or {}, "note": note}
        return str(self._ask("POST", f"/dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag: str, limit: int = 10, **filters: Any) -> list[Run]:
        """The DAG's runs, the latest first."""
        params = {"limit": limit, "order_by": "-run_after", **filters}
        return list(self._ask("GET", f"/dags/{dag}/dagRuns", params=params)["dag_runs"])

    def run(self, dag: str, run: str) -> Run:
        return dict(self._ask("GET", f"/dags/{dag}/dagRuns/{run}"))

    def note(self, dag: str, run: str, text: str) -> None:
        """Put a text beside a run, in the place of what was there."""
        self._ask("PATCH", f"/dags/{dag}/dagRuns/{run}", json={"note": text})

    def wait(self, dag: str, run: str, timeout: float = 600) -> Run:
        """Wait for a run's end. Raises ServiceUnavailable if it takes longer, or fails: with its log's end."""
        return self._until(lambda: [self.run(dag, run)], f"{dag} {run}", timeout)[0]

    def clear(self, dag: str, run: str) -> None:
        """Let a run's tasks run again."""
        body = {"dag_run_id": run, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        self._ask("POST", f"/dags/{dag}/clearTaskInstances", json=body)

    def backfill(
        self, dag: str, first: datetime, last: datetime, max_active_runs: int = 2, which: str = "completed"
    ) -> int:
        """Make the runs of a range of logical dates, both ends included; the backfill's number.

        `which`: completed, all of them; failed, those that are missing or failed; none, those that are missing.
        """
        body = {
            "dag_id": dag,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "max_active_runs": max_active_runs,
            "reprocess_behavior": which,
            "run_backwards": False,
            "dag_run_conf": {},
        }
        return int(self._ask("POST", "/backfills", json=body)["id"])

    def runs_between(self, dag: str, first: datetime, last: datetime) -> list[Run]:
        return self.runs(dag, limit=100, logical_date_gte=first.isoformat(), logical_date_lte=last.isoformat())

    def wait_for_days(
        self,
        dag: str,
        first: datetime,
        last: datetime,
        count: int,
        timeout: float = 1800,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Run]:
        """Wait for `count` successful runs; Airflow itself notices half a minute later that a backfill is complete."""

        def all_of_them() -> list[Run]:
            found = self.runs_between(dag, first, last)
            if progress:
                progress(sum(run["state"] == "success" for run in found), count)
            missing = [{"state": "missing", "dag_run_id": "?"}] * (count - len(found))
            return found + missing

        return self._until(all_of_them, f"{count} runs of {dag}", timeout)

    def logs(self, dag: str, run: str) -> Iterator[tuple[str, str]]:
        """Each task of a run and what its last try has logged."""
        for task in self._ask("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]:
            path = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task['task_id']}/logs/{max(1, task['try_number'])}"
            content = self._ask("GET", path, params={"map_index": task["map_index"]})["content"]
            lines = [str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content]
            yield task["task_id"], "\n".join(lines)

    def _until(self, look: Callable[[], list[Run]], what: str, timeout: float) -> list[Run]:
        deadline = time.monotonic() + timeout
        last_answer = time.monotonic()
        while True:
            try:
                found = look()
            except ServiceUnavailable:
                # A server that was killed is back within a minute; the run goes on.
                if time.monotonic() - last_answer > PATIENCE:
                    raise
                time.sleep(1)
                continue
            last_answer = time.monotonic()
            for run in found:
                if run["state"] == "failed":
                    raise ServiceUnavailable(self._why_it_failed(run))
            if found and all(run["state"] == "success" for run in found):
                return found
            if time.monotonic() > deadline:
                states = ", ".join(sorted({run["state"] for run in found}))
                raise ServiceUnavailable(f"Airflow has not finished {what} in {timeout:.0f} s ({states}).")
            time.sleep(1)

    def _why_it_failed(self, run: Run) -> str:
        dag, name = run["dag_id"], run["dag_run_id"]
        logs = [(task, text) for task, text in self.logs(dag, name) if text]
        said = "\n".join(f"  {task}: {line}" for task, text in logs for line in text.splitlines()[-8:])
        return f"The run {name} of {dag} failed; {self.address}/dags/{dag}/runs/{name}\n{said}"

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        """An API call as the logged-in user; a token that has run out is replaced once."""
        for attempt in (1, 2):
            headers = {"Authorization": f"Bearer {self._token or self._log_in()}"}
            answer = self._send(method, f"/api/v2{path}", headers=headers, **options)
            if answer.status_code != 401 or attempt == 2 or not self._password:
                break
            self._token = ""
        if answer.is_error:
            raise ServiceUnavailable(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _log_in(self) -> str:
        body = {"username": self._user, "password": self._password}
        answer = self._send("POST", "/auth/token", json=body)
        if answer.is_error:
            raise ServiceUnavailable(f"Airflow at {self.address} refuses {self._user}'s login: {answer.status_code}")
        self._token = str(answer.json()["access_token"])
        return self._token

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _translated(self.address):
            return self._client.request(method, path, **options)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise ServiceUnavailable(
            f"Airflow does not answer at {address} ({type(error).__name__}). `barograph status` shows what runs."
        ) from error
