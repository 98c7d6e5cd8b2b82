"""RUNS ALL PARTS ON ONE COMPUTER: installs, starts, watches, counts and stops them.

It talks to the parts as their users do: processes, files and HTTP. It never imports the function
app or its host, so what it proves about them holds for any deployment.
"""
