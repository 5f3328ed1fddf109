"""The collector on a small board: without anything that the rest of the river needs."""

import subprocess
import sys

BLOCKED = {"pyspark", "airflow", "sqlalchemy", "pandas", "pyarrow", "deltalake", "delta", "matplotlib", "numpy"}

WITHOUT = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(f"{{name}} is not on a small board")

sys.meta_path.insert(0, Blocked())
"""


def ran(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + script], capture_output=True, text=True, timeout=60)


def test_the_collector_needs_nothing_of_the_rest_of_the_river():
    """`pip install barograph[collector]` alone is what a board gets."""
    done = ran("import barograph.collector.service, barograph.collector.simulation.shop")

    assert done.returncode == 0, done.stderr


def test_its_command_starts_without_them_too():
    """The command line imports each part when it is asked for."""
    done = ran("sys.argv = ['barograph', 'collect', '--help']\nfrom barograph.cli import main\nmain()")

    assert done.returncode == 0, done.stderr
    assert "Read the serial ports" in done.stdout
