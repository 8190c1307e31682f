"""What more gateways and workers change: throughput, latency, balance, and what a result costs."""
