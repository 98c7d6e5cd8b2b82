"""A host that runs: what starts and stops in which order, its application and its state folder."""
