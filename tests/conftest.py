"""No test may find a real data folder: the environment would win over what a test says."""

import os

for name in list(os.environ):
    if name.startswith("BAROGRAPH_") and not name.startswith("BAROGRAPH_TEST_"):
        del os.environ[name]
