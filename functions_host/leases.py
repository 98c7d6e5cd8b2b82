"""How long Azure hides what a host was working on when it died (recorded on Functions host 4.1037 / Storage 5.3.10).

Both are queue messages there, invisible for so long after they were taken. Here a host gives everything to its
successor at once, because the lock on the state folder proves that it is dead; `--azure-delays` waits as Azure does.
"""

from __future__ import annotations

from datetime import timedelta

ACTIVITY_LEASE = timedelta(minutes=5)
"""From an activity's beginning until another host may run it."""
BLOB_LEASE = timedelta(minutes=10)
"""From the beginning of a blob's delivery until another host may deliver it."""
