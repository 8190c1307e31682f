"""What a client may take: memory, places, requests and records."""
