"""Layout of a hub's database file, and how an older file is brought forward.

`PRAGMA user_version` holds the version. A change is a new script appended to `MIGRATIONS`;
scripts that have shipped are never edited.
"""

from __future__ import annotations

import sqlite3

from functions_host.durable.errors import HubNewerError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE hub(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE instance(
            instance_id TEXT PRIMARY KEY,
            execution_id TEXT NOT NULL,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            status INTEGER NOT NULL,
            input TEXT,
            output TEXT,
            custom_status TEXT,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            parent TEXT
        )""",
        "CREATE INDEX instance_created ON instance(created_at, instance_id)",
        # One row per episode: its events, comma-joined, as the orchestrator will read them again.
        # Rows in order of writing, ids in an index: clustered by (random) id, a commit among 10,000
        # finished instances would touch pages all over the file.
        """CREATE TABLE history(
            instance_id TEXT NOT NULL,
            episode INTEGER NOT NULL,
            events TEXT NOT NULL,
            PRIMARY KEY(instance_id, episode)
        )""",
        # Messages not yet part of a history. A timer is a message with a future visible_at;
        # execution_id is null for what belongs to the instance rather than to one execution.
        """CREATE TABLE inbox(
            message_id INTEGER PRIMARY KEY,
            instance_id TEXT NOT NULL,
            execution_id TEXT,
            event TEXT NOT NULL,
            visible_at TEXT
        )""",
        "CREATE INDEX inbox_instance ON inbox(instance_id)",
        # Activities scheduled and not yet answered; lease_owner is the host process running one.
        """CREATE TABLE work(
            work_id INTEGER PRIMARY KEY,
            instance_id TEXT NOT NULL,
            execution_id TEXT NOT NULL,
            task_id INTEGER NOT NULL,
            name TEXT NOT NULL,
            input TEXT NOT NULL,
            lease_owner TEXT
        )""",
        "CREATE INDEX work_instance ON work(instance_id)",
    ),
    (
        # What lives is asked for often and is little; what has ended is much (queries.LIVING_SQL).
        "CREATE INDEX instance_living ON instance(status) WHERE status IN (0, 2, 6, 7)",
    ),
    (
        # When the activity began, noted by a host that leases it as Azure does (activities.ACTIVITY_LEASE).
        "ALTER TABLE work ADD COLUMN leased_at TEXT",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version, one transaction per step; raises HubNewerError."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise HubNewerError(
            f"the durable state has schema version {version}, this host knows up to {len(MIGRATIONS)}: "
            "run the newer host, or use another --state folder"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in script:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
