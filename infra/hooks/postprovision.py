"""After provisioning: migrate the database and give the app its database user, both as the deployer.

The deployer signs in with Entra (the server knows no passwords). If the server's firewall refuses this
computer, its own error names the address; a rule for that one address is opened for as long as this runs.
A paused serverless database (as a later `azd provision` may find it) is retried until it has resumed.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from deployment import Finished, HookError, Run, must, output, run, say
from environment import prepared

FIREWALL_REFUSED = re.compile(r"Client with IP address '([0-9.]+)' is not allowed")
ASLEEP = "40613"  # SQL Server's "is not currently available": a serverless database that is resuming
RULE = "deployer-while-migrating"
# Azure says that a firewall rule can take up to five minutes to take effect.
TRIES, SECONDS_BETWEEN = 30, 10

PRIVATE_DATABASE = (
    "the database is reachable only from inside its network (VNET_ENABLED=true). Run\n"
    "  azd env set INSIDE_NETWORK 1 && azd provision\n"
    "on a machine in the network, or set SKIP_DATABASE=1 and migrate later: docs/deploy.md, 'With a network'."
)


def main(environ: Mapping[str, str], run: Run, pause: Callable[[float], None] = time.sleep) -> int:
    """Migrate, make the user; returns the exit code."""
    try:
        if environ.get("SKIP_DATABASE") == "1":
            say("Database skipped (SKIP_DATABASE=1).")
            return 0
        if environ.get("VNET_ENABLED", "").lower() == "true" and environ.get("INSIDE_NETWORK") != "1":
            raise HookError(PRIVATE_DATABASE)
        _prepare_database(environ, run, pause)
    except HookError as error:
        print(f"postprovision: {error}", file=sys.stderr)
        return 1
    return 0


def connection_string(environ: Mapping[str, str]) -> str:
    """The database, signed in to as whoever is logged in here; holds no secret."""
    host, database = output(environ, "SQL_SERVER_HOST"), output(environ, "SQL_DATABASE_NAME")
    return (
        f"Server=tcp:{host},1433;Database={database};Authentication=ActiveDirectoryDefault;"
        "Encrypt=yes;TrustServerCertificate=no"
    )


def _prepare_database(environ: Mapping[str, str], run: Run, pause: Callable[[float], None]) -> None:
    database = connection_string(environ)
    resource_group, server_name = output(environ, "AZURE_RESOURCE_GROUP"), output(environ, "SQL_SERVER_NAME")
    server = ["--resource-group", resource_group, "--server", server_name]
    user, client_id = output(environ, "APP_IDENTITY_NAME"), output(environ, "APP_IDENTITY_CLIENT_ID")
    python = str(prepared(run))
    migrate = [python, "-m", "sql_migrations", "up", "--database", database]
    make_user = [
        python,
        "infra/hooks/app_user.py",
        "--database",
        database,
        "--name",
        user,
        "--client-id",
        client_id,
    ]
    opened = False
    try:
        done = _again_while(_asleep, migrate, run, pause)
        if refused := FIREWALL_REFUSED.search(done.output):
            address = refused.group(1)
            say(f"Opening the database's firewall for {address} while migrating.")
            rule = ["--name", RULE, "--start-ip-address", address, "--end-ip-address", address]
            opened = True
            opening = ["az", "sql", "server", "firewall-rule", "create", *server, *rule]
            must(run(opening, "opening the database's firewall"), "open the firewall")
            done = _again_while(lambda done: _refused(done) or _asleep(done), migrate, run, pause)
        say(must(done, "migrate the database"))
        must(run(make_user, "making the app's database user"), "make the app's database user")
        say("Database migrated; the app's user can read and write results.")
    finally:
        if opened:
            closing = ["az", "sql", "server", "firewall-rule", "delete", *server, "--name", RULE]
            if run(closing, "closing the database's firewall").code != 0:
                say(f"The firewall rule {RULE} could not be deleted. Delete it: {' '.join(closing)}")


def _again_while(
    wanting: Callable[[Finished], bool], command: Sequence[str], run: Run, pause: Callable[[float], None]
) -> Finished:
    for attempt in range(1, TRIES + 1):
        done = run(command, "migrating the database")
        if not wanting(done):
            break
        if attempt < TRIES:
            say(f"The database does not accept connections yet (try {attempt} of {TRIES}).")
            pause(SECONDS_BETWEEN)
    return done


def _refused(done: Finished) -> bool:
    return FIREWALL_REFUSED.search(done.output) is not None


def _asleep(done: Finished) -> bool:
    return done.code != 0 and ASLEEP in done.output


if __name__ == "__main__":
    sys.exit(main(os.environ, run))
