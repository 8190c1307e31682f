"""Our rules for manifests: what Kubernetes would accept, and what would go wrong all the same."""
