"""What stands on the topics and in Redis must outlive the program that wrote it.

``tests/data/formats/`` has recordings of what versions of the program wrote, and today's program
must come to the same numbers from each of them (``test_recorded.py``). Whoever changes a format
records it anew and keeps the old recording: ``python -m tests.formats.record DIRECTORY``.

:mod:`tests.formats.version_two` is a version to come, which writes one field more everywhere: while
processes are replaced one at a time, either version reads what the other one writes
(``test_versions.py``, and ``test_rolling_upgrade.py`` with real processes).
"""
