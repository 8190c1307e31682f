"""What tells operators about requests: ids, logs, traces, the loop's delay."""
