"""The worker against its peers: one topic, one run, the same numbers at the end.

Start with ``python -m bench.worker``; ``docs/bench.md`` says what is measured and how.
"""
