"""Two ways from weather reports to their counts: Kafka to Redis, and RabbitMQ to Valkey."""
