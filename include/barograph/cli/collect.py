"""`barograph collect`: the long-running process beside the serial ports."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(collect)
    app.command()(reload)


def collect(
    site: Annotated[str | None, typer.Option(help="Only the ports of this site.")] = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Log JSON instead of key=value.")] = False,
) -> None:
    """Read the serial ports and publish what they say, until SIGTERM. A broker outage only fills the spool.

    SIGHUP, or `barograph reload`, reads the sites' files again.
    """
    from barograph import logs
    from barograph.collector import service
    from barograph.collector.systemd import Supervisor
    from barograph.settings import load_settings
    from barograph.settings import service as asked_by

    logs.configure(as_json=json_logs)
    systemd = asked_by()
    supervisor = Supervisor(systemd.notify, systemd.watchdog)
    with service.stopped_by_signals() as stop, service.reloaded_by_signal() as reload:
        service.collect(load_settings(), stop, site=site, reload=reload, supervisor=supervisor)


def reload() -> None:
    """Let the running collector read its sites' files again. Ports that did not change are not touched.

    Files with a mistake change nothing; what is wrong with them is said here.
    """
    import os
    import signal
    import time

    from barograph.collector import health, status_path
    from barograph.collector.service import utcnow
    from barograph.errors import DocumentError, ServiceUnavailable
    from barograph.settings import load_settings

    path = status_path(load_settings())
    before = health.read(path)
    if before is None or not before.running(utcnow()):
        raise ServiceUnavailable("No collector is running here. `barograph stack start collector` starts it.")
    os.kill(before.pid, signal.SIGHUP)
    for _ in range(100):
        time.sleep(0.1)
        now = health.read(path)
        if now and now.reloaded != before.reloaded:
            if now.refused:
                raise DocumentError(f"Nothing was changed. {now.refused}")
            typer.echo(f"Reloaded: {len(now.ports)} ports.")
            return
    raise ServiceUnavailable("The collector did not answer within 10 seconds. `barograph stack logs` shows its log.")
