"""What browsers report about pages: read, grouped, kept.

Words: a *delivery* is one POST of a browser to an endpoint that is a path of ours.  It brings *reports*, each about one event
on one page.  Reports that say the same of the same things are one *group*, which counts them.  The *store* keeps groups: in
memory, in an SQLite file or in PostgreSQL.  *Traffic* is how many page loads were served that could have been reported about:
without it, silence proves nothing.

Rule 1: a report is what some stranger sent.  Its values are bounded here, and whoever shows them escapes them.
Rule 2: nothing here ever holds up the proxy: what cannot be kept is counted as dropped.
"""
