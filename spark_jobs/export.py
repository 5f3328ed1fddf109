"""spark-submit entry point: settled readings of a metric as a table of time by device, as `barograph export` does.

spark-submit spark_jobs/export.py --metric temperature --from 2026-01-01 --to 2026-07-01 --every 1h --output h1.parquet
"""

import argparse
from datetime import date
from pathlib import Path

from barograph import export, logs, writing
from barograph.archive import Archive
from barograph.registry import choose_site
from barograph.settings import load_settings
from barograph.windows import Window

parser = argparse.ArgumentParser(description="Write a table of time by device.")
parser.add_argument("--site", help="needed only where there are several")
parser.add_argument("--metric", required=True)
parser.add_argument("--from", dest="since", type=date.fromisoformat, required=True, help="the first local day")
parser.add_argument("--to", dest="until", type=date.fromisoformat, required=True, help="the local day after the last")
parser.add_argument("--every", type=export.every, help="one row for each 5m, 1h, 1d; as read unless said")
parser.add_argument("--output", type=Path, required=True, help="a .csv, .parquet or .arrow file")
arguments = parser.parse_args()
logs.configure()
settings = load_settings()
site = choose_site(settings.sites_folder, arguments.site)
first, last = (Window.local_day(day, site.timezone).start for day in (arguments.since, arguments.until))
wanted = export.Wanted(site, Window(first, last), arguments.metric, every=arguments.every)
export.export(Archive.of(settings), wanted, arguments.output, writing.format_of(arguments.output, None))
