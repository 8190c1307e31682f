"""The protocol's executable model: docs/protocol.md as states and steps, searched for mistakes.

:mod:`~tests.model.worker` has the steps of one partition (rules 2 to 6), :mod:`~tests.model.world`
those of tallies, scoreboards and Redis (6 to 8); each names the line of the protocol that it
stands for. What could drift away from the code is the code itself: joins, restores, the quiet
period and tallies are those of :class:`streams.standings.Standings`, the scoreboard is
:class:`streams.board.Board`, and a snapshot goes through
:class:`streams.snapshot_writer.SnapshotWriter` and its script into a real Redis and is read back.
The oracle is :mod:`olympics.recount`.

:mod:`~tests.model.protocol` has the rules as switches, and a mutant for each; ``python -m
tests.model`` searches for longer than the tests do.
"""
