"""The workers: Faust agents that keep the standings, and the mirror in Redis."""
