"""The questions of the weather stream, measured: ways, replicas, protocols, stores."""
