"""No test may find a real data folder: the environment would win over what a test says.

Properties are tried with a few examples in a normal run; `--hypothesis-profile=thorough` tries many.
"""

import os

from hypothesis import HealthCheck, settings

for name in list(os.environ):
    if name.startswith("BAROGRAPH_") and not name.startswith("BAROGRAPH_TEST_"):
        del os.environ[name]

# No deadlines: a busy machine is not a wrong answer.
ANY_PACE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("normal", max_examples=25, **ANY_PACE)
settings.register_profile("thorough", max_examples=1_000, **ANY_PACE)
settings.load_profile("normal")
