"""spark-submit, with the jars and the configuration of our Spark servers, and with no server: its own session works.

    .venv/bin/python include/stack/spark/submit.py --master 'local[2]' spark_jobs/settle.py --site demo --day 2026-11-22

All words are spark-submit's. It goes to the servers of the data folder that BAROGRAPH_HOME names (`.barograph` here)
for everything but Spark. On a cluster with its own Spark 4.2 the bare command does the same, with
`--packages io.delta:delta-spark_4.2_2.13:4.4.0,org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from barograph.errors import BarographError
from barograph.settings import data_folder
from barograph.stack import environment


def main(words: list[str]) -> None:
    try:
        tools = environment.load_tools()
        # What would make it another Spark's client stays outside.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(environment.FOREIGN)}
        variables = {**kept, **environment.common(), **environment.spark(tools)}
    except BarographError as error:
        sys.exit(f"Not submitted: {error}")
    variables["BAROGRAPH_HOME"] = str(data_folder())
    jars = ",".join(str(jar) for jar in sorted(Path(tools.spark_jars).glob("*.jar")))
    files = environment.FILES / "spark"
    os.execve(  # noqa: S606
        f"{variables['SPARK_HOME']}/bin/spark-submit",
        [
            *("spark-submit", "--properties-file", str(files / "connect.conf"), "--jars", jars),
            *("--driver-java-options", f"-Dlog4j2.configurationFile={files / 'log4j2.properties'}"),
            *words,
        ],
        variables,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
