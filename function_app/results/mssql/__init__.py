"""The result store on Azure SQL and SQL Server, through pyodbc."""
