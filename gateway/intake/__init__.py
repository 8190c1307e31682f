"""From raw items of either protocol to accepted or rejected records."""
