"""The way in: HTTP and gRPC requests become records of the results topic.

One intake (``gateway.intake.results``) serves both protocols. One log writer
(``gateway.kafka.batching``) puts what it accepts onto Kafka, acknowledged by all in-sync replicas
before anybody is answered.
"""
