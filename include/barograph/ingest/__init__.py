"""From Kafka to the record, to InfluxDB and to the alarms: the stage that runs every minute."""
