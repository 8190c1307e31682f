"""What `medallero doctor` looks at."""
