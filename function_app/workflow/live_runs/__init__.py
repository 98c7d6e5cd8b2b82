"""Which runs are under way, found at a cost that grows with them and not with all runs that ever were (ADR 11).

Durable can be asked about a run by its id, but listing its live runs would read its whole history. Instead:

1. whoever starts a run writes it to the ``journal`` (append blobs, ``storage/journal_segments.py``);
2. a process that is asked for the live runs reads the journal (``listing``) and keeps the runs in it in memory
   (``tracking``) until the store has their rows or Durable says that they ended (``durable_status``);
3. all callers of a process share one snapshot, and ``pacing`` limits how often Durable and the others are asked.
"""
