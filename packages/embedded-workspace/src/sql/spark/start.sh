#!/bin/bash
# Real Spark with Delta Lake behind HiveThriftServer2, HTTP on 127.0.0.1. Usage: start.sh INSTALLED DATA PORT
# INSTALLED as install.sh left it; tables are kept in DATA. It ends when its standard input closes, however its parent ended.
set -uo pipefail
INSTALLED=$1 DATA=$2 PORT=$3
export SPARK_HOME="$INSTALLED/spark" SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS="$DATA/scratch"
mkdir -p "$DATA/scratch"
exec 3<&0 # a background process would get /dev/null as its input
cd "$DATA" || exit 1
# --jars would put the classes where Spark's own loader does not find them. Substitution of ${…} would eat parts of values.
# One partition and one thread of compilation: the tables are small, and starting counts.
"$SPARK_HOME/bin/spark-submit" --class org.apache.spark.sql.hive.thriftserver.HiveThriftServer2 --name embedded-workspace \
  --master 'local[2]' --driver-memory 2g \
  --driver-class-path "$INSTALLED/jars/delta-spark_4.2_2.13-4.4.0.jar:$INSTALLED/jars/delta-storage-4.4.0.jar" \
  --conf spark.sql.variable.substitute=false \
  --conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension \
  --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog \
  --conf spark.sql.legacy.parameterSubstitution.constantsOnly=true \
  --conf spark.sql.session.timeZone=UTC --conf spark.sql.sources.default=delta --conf "spark.sql.warehouse.dir=$DATA/tables" \
  --conf spark.sql.shuffle.partitions=1 --conf spark.databricks.delta.snapshotPartitions=1 --conf spark.ui.enabled=false \
  --conf spark.sql.hive.thriftServer.singleSession=false \
  --conf "spark.driver.extraJavaOptions=-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Duser.timezone=UTC -Dderby.system.home=$DATA -Djava.io.tmpdir=$DATA/scratch" \
  spark-internal --hiveconf hive.server2.transport.mode=http --hiveconf "hive.server2.thrift.http.port=$PORT" \
  --hiveconf hive.server2.thrift.bind.host=127.0.0.1 --hiveconf hive.server2.thrift.http.path=cliservice \
  --hiveconf hive.server2.logging.operation.enabled=false < /dev/null > "$DATA/spark.log" 2>&1 &
SPARK=$!
trap 'kill -9 $SPARK 2>/dev/null' EXIT
# Waits for either end: of the parent (its side of the pipe closes), or of Spark.
cat <&3 > /dev/null & PARENT=$!
wait -n $SPARK $PARENT
