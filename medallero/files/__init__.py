"""Files that `medallero send` reads: their formats, a look at them, and what was rejected."""
