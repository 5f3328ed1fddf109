"""spark-submit entry point: one run of ingest, from drain to judge, under the DAG's own lock and ledger.

    spark-submit spark_jobs/drain.py --run-id by-hand-1 --horizon 2026-11-22T08:00:00Z

The same run id again redoes its own batch; a new one plans a new batch.
"""

import argparse

from barograph import logs
from barograph.ingest.run import ingest
from barograph.settings import load_settings
from barograph.windows import utc

parser = argparse.ArgumentParser(description="Read what is new in Kafka into the record; refine, load and judge it.")
parser.add_argument("--run-id", required=True)
parser.add_argument("--horizon", type=utc, required=True, help="up to when silence can be judged, as ISO 8601")
arguments = parser.parse_args()
logs.configure()
ingest(load_settings(), "spark-submit", arguments.run_id, arguments.horizon)
