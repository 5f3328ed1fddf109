"""The edge to InfluxDB: lines rendered in SQL, a Spark sink, set-up. Only home of influxdb-client.

InfluxDB is a view of the record: whatever is in it can be loaded again.
"""
