"""What a configuration means to browsers: explain a request, run policy tests, compare two configurations, show one.

This floor stands on `config` (what the file says, and where), `policy` (what the proxy answers) and `browser` (what a browser
makes of it).  Commands and the admin endpoint print what it finds.
"""
