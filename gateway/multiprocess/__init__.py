"""Several processes on one port, which show their metrics as one gateway."""
