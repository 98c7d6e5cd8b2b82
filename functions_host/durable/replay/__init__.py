"""From history and the orchestrator's actions to decisions: the core of the engine, pure."""
