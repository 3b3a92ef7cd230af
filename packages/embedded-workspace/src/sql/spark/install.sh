#!/bin/bash
# Installs real Spark with Delta Lake into a folder of its own: Java 17, Python 3.10 or later and Maven must be there.
# About 0.5 GB; 24 to 88 s. Usage: install.sh FOLDER. Does nothing when the folder already holds these versions.
set -euo pipefail
FOLDER=${1:?say into which folder}
SPARK=4.2.0 # delta-spark wants no newer one
DELTA=4.4.0 # 4.4.1 came to PyPI without its jars
DONE="$FOLDER/installed-$SPARK-$DELTA"
if [ -e "$DONE" ]; then exit 0; fi
for program in java python3 mvn; do
  command -v "$program" >/dev/null || { echo "Spark needs $program, which is not on the PATH: install it and try again." >&2; exit 1; }
done
mkdir -p "$FOLDER/jars"
# A Debian python3 may lack ensurepip: pip itself can then install into a folder.
if python3 -m venv "$FOLDER/venv" 2>/dev/null; then
  "$FOLDER/venv/bin/pip" install --quiet --disable-pip-version-check "pyspark==$SPARK"
  SITE=$("$FOLDER/venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
else
  SITE="$FOLDER/site-packages"
  python3 -m pip install --quiet --disable-pip-version-check --target "$SITE" "pyspark==$SPARK"
fi
ln -sfn "$SITE/pyspark" "$FOLDER/spark"
for artifact in delta-spark_4.2_2.13 delta-storage; do
  mvn --quiet --batch-mode dependency:copy "-Dartifact=io.delta:$artifact:$DELTA" "-DoutputDirectory=$FOLDER/jars" "-Dmaven.repo.local=$FOLDER/m2"
done
touch "$DONE"
