"""Which runs are under way: a journal of what was started, followed by id; it costs what lives, not what has ended."""
