"""The way in: HTTP and gRPC requests become records of the results topic.

One intake (``gateway.intake``) serves both protocols, and one log writer (``gateway.log_writer``)
puts what it accepts onto Kafka, acknowledged by all in-sync replicas before anybody is answered.
"""
