"""The HTTP interface: its server, its routes, and the answers to them."""
