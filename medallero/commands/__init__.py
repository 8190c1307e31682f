"""The sub-commands, a module each; its attribute ``command`` is what the command line calls."""
