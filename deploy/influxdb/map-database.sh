#!/bin/sh
# Lets InfluxQL and the write API of InfluxDB 1 find the bucket as a database of the same name.
set -eu
influx v1 dbrp create --db k6 --rp autogen --default \
  --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --org "$DOCKER_INFLUXDB_INIT_ORG"
