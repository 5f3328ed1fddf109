"""spark-submit entry point: settle one local day of a site anew from the record. `barograph settle` does the same.

spark-submit spark_jobs/settle.py --site demo --day 2026-11-22
"""

import argparse
from datetime import date

from barograph import logs
from barograph.registry import choose_site
from barograph.settings import load_settings
from barograph.settle import settle

parser = argparse.ArgumentParser(description="Settle one local day of a site.")
parser.add_argument("--site", help="needed only where there are several")
parser.add_argument("--day", type=date.fromisoformat, required=True, help="the local day, as 2026-11-22")
arguments = parser.parse_args()
logs.configure()
settings = load_settings()
settle(settings, choose_site(settings.sites_folder, arguments.site), arguments.day)
