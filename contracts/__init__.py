"""What the processes agree upon: topics, settings, the snapshot's keys, logs.

Gateway, workers and the command depend on this package and on the rules in ``olympics``;
they never import one another.
"""
