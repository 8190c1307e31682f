"""The gateway's clients: one interface over HTTP and gRPC, and the delivery that retries."""
