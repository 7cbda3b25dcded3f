"""The command line. `serve` is kept apart from the other commands: a broker does not load what only they need."""
