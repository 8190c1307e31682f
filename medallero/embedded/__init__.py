"""Kafka and Redis without Docker, Java or root: real ones, from packages, on this machine."""
