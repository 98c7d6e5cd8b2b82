"""Create the function app's database user, with no more rights than its statements need.

Run by postprovision.py in the environment that it creates. The user is created from the identity's client id
(``WITH SID``), not ``FROM EXTERNAL PROVIDER``: the latter asks Entra, which a service principal that
deploys from a pipeline may not do without a directory role.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

# What the statements of function_app/results do, table by table (a test compares); all of the schema may be read
# (views, schema_history).
RIGHTS = """
IF DATABASE_PRINCIPAL_ID(N'scoring_app') IS NULL CREATE ROLE scoring_app;
GRANT SELECT ON SCHEMA::dbo TO scoring_app;
GRANT INSERT, UPDATE ON dbo.runs TO scoring_app;
GRANT INSERT ON dbo.scores TO scoring_app;
GRANT INSERT ON dbo.attempts TO scoring_app;
GRANT INSERT, UPDATE ON dbo.hourly_totals TO scoring_app;
"""

# CREATE USER takes no parameters, so the statement is put together by the server, which quotes the name.
# A user left over from a deleted environment has the same name and another sid: it could not sign in.
USER = """
DECLARE @name SYSNAME = ?, @sid VARBINARY(16) = ?;
DECLARE @drop NVARCHAR(400) = N'DROP USER ' + QUOTENAME(@name);
DECLARE @create NVARCHAR(400) = N'CREATE USER ' + QUOTENAME(@name)
    + N' WITH SID = ' + CONVERT(NVARCHAR(34), @sid, 1) + N', TYPE = E';
DECLARE @join NVARCHAR(400) = N'ALTER ROLE scoring_app ADD MEMBER ' + QUOTENAME(@name);
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @name AND sid <> @sid) EXEC (@drop);
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @name) EXEC (@create);
EXEC (@join);
"""


def sid(client_id: str) -> bytes:
    """The 16 bytes by which SQL Server knows an Entra application. Raises ValueError for what is no GUID."""
    return uuid.UUID(client_id).bytes_le


def main(arguments: list[str]) -> int:
    """Run the statements on the database; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", required=True, help="ODBC connection string")
    parser.add_argument("--name", required=True, help="name of the app's managed identity")
    parser.add_argument("--client-id", required=True, help="client id of that identity")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    from sql_migrations.errors import MigrationError
    from sql_migrations.mssql_engine import connect

    try:
        connection = connect(options.database)
        for statement, parameters in ((RIGHTS, ()), (USER, (options.name, sid(options.client_id)))):
            cursor = connection.execute(statement, parameters)
            while cursor.nextset():  # an error of a later statement surfaces only when the reader reaches it
                pass
    except MigrationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
