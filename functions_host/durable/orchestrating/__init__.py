"""Orchestration work items: messages in, the orchestrator replayed, an episode committed."""
