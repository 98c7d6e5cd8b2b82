"""The result store on SQLite, for one computer."""
