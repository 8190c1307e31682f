"""Who may send, and what proves it: tokens, and TLS's certificates."""
