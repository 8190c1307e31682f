"""Back-ups: the file, its restore, and how names are left out."""
