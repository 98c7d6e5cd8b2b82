"""Plain SQL migrations for both result stores, and the runner that applies them.

``python -m sql_migrations plan|up|status|repair`` takes the database from ``--database`` or
``SQL_CONNECTION_STRING`` (``sqlite:///path`` or an ODBC connection string). It refuses to guess: a
changed, missing or out-of-order file stops it, and no file that drops or deletes data is ever run.
"""
