"""The cross-origin policy: what a route sends, whom it grants, which of the backend's fields go.

Pure: a `Policy` (what the file states) is compiled once into a `Rule` (bytes ready to send); per request the rule gives a
`ResponsePlan`, and the plan rewrites response heads.  Each policy field has a module of its own, which knows its name and how
its value is written.  Nothing here knows where requests go.
"""
