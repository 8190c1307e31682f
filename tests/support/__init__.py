"""What tests share: real servers, whole stacks of processes, waiting."""
