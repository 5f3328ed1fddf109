#!/usr/bin/env bash
# One Spark Connect server: SPARK_SERVER, SPARK_PORT, SPARK_MEMORY and SPARK_NICE say which.
set -euo pipefail
local_dir="$STACK_HOME/tmp/spark-$SPARK_SERVER"
rm -rf "$local_dir"
mkdir -p "$local_dir"

# Plans are new code each time: what the JVM's second compiler saves, it costs. It waits until code is really hot.
java_options="-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000"
java_options="$java_options -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000"
# Without memory Spark goes on as if nothing were, and waits for what a thread that is gone would have said.
java_options="$java_options -XX:+ExitOnOutOfMemoryError"

# In the environment and not in an argument: `ps` shows arguments to everyone.
SPARK_CONNECT_AUTHENTICATE_TOKEN="$(cat "$STACK_SECRETS/spark_token")"
export SPARK_CONNECT_AUTHENTICATE_TOKEN

exec "$STACK_PYTHON" -I -S "$STACK_FILES/guard.py" --grace 10 -- nice -n "$SPARK_NICE" "$SPARK_HOME/bin/spark-submit" \
  --class org.apache.spark.sql.connect.service.SparkConnectServer \
  --name "barograph-$SPARK_SERVER" \
  --properties-file "$STACK_FILES/spark/connect.conf" \
  --driver-memory "$SPARK_MEMORY" \
  --driver-java-options "$java_options -Dlog4j2.configurationFile=$STACK_FILES/spark/log4j2.properties" \
  --conf spark.connect.grpc.binding.port="$SPARK_PORT" \
  --conf spark.scheduler.mode=FAIR \
  --conf spark.scheduler.allocation.file="file://$STACK_FILES/spark/fair.xml" \
  --conf spark.local.dir="$local_dir" \
  --conf spark.sql.warehouse.dir="$local_dir/warehouse" \
  --jars "$STACK_SPARK_JARS" \
  spark-internal
