"""The gateway beside its peers.

Start with ``python -m bench.gateway``; ``docs/bench-gateway.md`` says what is measured and how.
"""
