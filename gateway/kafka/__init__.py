"""Writing to Kafka: the connection, the batches, and the check of topics."""
