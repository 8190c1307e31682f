"""The rules of the games: pure functions over immutable values.

Nothing in this package does I/O (but ``load_catalogue``, which reads one file when it is called),
looks at a clock, or knows of Kafka, Redis or Faust. The same set of results, the same catalogue
and the same seed give the same tables, whatever the order in which the results came.
"""
