"""The workflow of one image: its trigger, the orchestration, its activities, and the runs under way."""
