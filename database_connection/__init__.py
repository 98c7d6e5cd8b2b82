"""How a database is named and how SQL Server is signed in to: shared by the function app and the migrations.

Both must agree on which database a connection string names, which driver is taken, and who signs in. Standard library
only at import; pyodbc and azure-identity are loaded where they are used. Nothing here knows who asks
(docs/adr/0014-one-database-connection.md).
"""
