"""What a browser concludes from requests and responses: the algorithms of Fetch and HTML, as pure functions.

Nothing here knows the policy file.  A conclusion walks the steps of the standards in their order and keeps each with its name,
so that whoever is told "blocked" is told by which step.
"""
