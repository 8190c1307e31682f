"""What `medallero correct` and `medallero withdraw` do: changes of results, and their preview."""
