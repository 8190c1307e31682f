"""Long runs of real processes that are hurt on purpose, and judged from outside."""
