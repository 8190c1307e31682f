"""What `medallero catalogue` does: drafts of a catalogue, and checks."""
