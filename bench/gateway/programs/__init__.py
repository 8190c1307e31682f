"""What the peers in Python run. None of it uses code of ours.

They read BENCH_KAFKA, BENCH_TOPIC and BENCH_PORT from the environment, answer ``GET /readyz``, and
take results at ``POST /v1/results``: 202 when all in-sync replicas have them.
"""
