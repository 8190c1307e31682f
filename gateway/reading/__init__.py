"""What the gateway reads: the snapshot in Redis, workers' answers, the results topic."""
