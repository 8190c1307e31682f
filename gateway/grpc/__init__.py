"""The gRPC interface: its server, its services, and its errors."""
