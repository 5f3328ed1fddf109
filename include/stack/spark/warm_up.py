"""Readiness of a Spark Connect server: a real first query, once for each run of it; afterwards that it listens.

    warm_up.py live|history

The first query, the first Delta commit and the first Python worker take seconds: the stack pays them, not the first
batch. A server that runs warm costs one short look.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from pathlib import Path

PATIENCE = 30.0


def main(server: str) -> int:
    run = Path(os.environ["STACK_HOME"], "run")
    this_run = run.joinpath(f"spark-{server}.pid").read_text()
    if not listens(int(os.environ[f"STACK_PORT_SPARK_{server.upper()}"])):
        print(f"spark-{server}: nobody listens yet")
        return 1
    mark = run / f"spark-{server}.warm"
    if not mark.exists() or mark.read_text() != this_run:
        warm_up(server)
        mark.write_text(this_run)
    return 0


def listens(port: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


def warm_up(server: str) -> None:
    from pyspark.sql import functions as F

    from barograph.settings import load_settings
    from barograph.spark import session

    settings = load_settings()
    folder = settings.path("tmp", f"spark-{server}", f"warm-up-{os.getpid()}")
    with session(settings, server) as spark:
        numbers = spark.range(64).withColumn("half", F.col("id") / 2)
        numbers.write.format("delta").save(str(folder))
        spark.read.format("delta").load(str(folder)).groupBy("half").count().collect()
        numbers.mapInArrow(lambda batches: batches, numbers.schema).collect()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
