"""Further targets: refined readings, windows and alarms go on to Kafka, to Parquet files, to a webhook.

delivery    what lies between a target's position and the newest batch, in order, and the position after it
parcels     what is sent, and its names: the same again whenever it is sent again
kafka, parquet, webhook   the three kinds: `send` returns when the target has it, or raises TargetError

At least once for Kafka and webhooks, with identities that repeat; exactly once for Parquet, whose files overwrite
themselves. What a batch says comes as a callable: this package knows neither Spark nor `ingest`.
"""

from barograph.targets.delivery import Delivered, distribute
from barograph.targets.parcels import Content

__all__ = ["Content", "Delivered", "distribute"]
