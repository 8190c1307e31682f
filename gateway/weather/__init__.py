"""Where weather reports go: Kafka, RabbitMQ, or both."""
