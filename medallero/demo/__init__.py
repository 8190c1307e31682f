"""`medallero demo`: a games day to look at, made of results of Paris 2024."""
