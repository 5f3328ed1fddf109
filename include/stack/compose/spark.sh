#!/usr/bin/env bash
# One Spark Connect server in a container: spark.sh live|history. Configured as the local stack's (../spark/start.sh),
# but for what a container is: it listens to the other containers, and its end ends all that it started.
set -euo pipefail
server="$1"
files=/opt/barograph/include/stack/spark
# On the volume: /tmp is memory, and does not let a library that was unpacked there be loaded.
local_dir="$BAROGRAPH_HOME/tmp/spark-$server"
rm -rf "$local_dir"
mkdir -p "$local_dir" "$STACK_HOME/run"
cd "$local_dir"
# warm_up.py asks its first query once for each run, and knows a run by this.
date +%s%N > "$STACK_HOME/run/spark-$server.pid"

SPARK_CONNECT_AUTHENTICATE_TOKEN="$(cat "$BAROGRAPH_SECRETS/spark_token")"
export SPARK_CONNECT_AUTHENTICATE_TOKEN
jars=(/opt/jars/spark/*.jar)

exec "$SPARK_HOME/bin/spark-submit" \
  --class org.apache.spark.sql.connect.service.SparkConnectServer \
  --name "barograph-$server" \
  --properties-file "$files/connect.conf" \
  --driver-memory "$SPARK_MEMORY" \
  --driver-java-options "-XX:+ExitOnOutOfMemoryError -Dlog4j2.configurationFile=$files/log4j2.properties -Djava.io.tmpdir=$local_dir" \
  --conf spark.connect.grpc.binding.address=0.0.0.0 \
  --conf spark.connect.grpc.binding.port="$SPARK_PORT" \
  --conf spark.scheduler.mode=FAIR \
  --conf spark.scheduler.allocation.file="file://$files/fair.xml" \
  --conf spark.local.dir="$local_dir" \
  --conf spark.sql.warehouse.dir="$local_dir/warehouse" \
  --jars "$(IFS=,; echo "${jars[*]}")" \
  spark-internal
