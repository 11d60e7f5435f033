"""What is told about exchanges and about the process: lines and counts.  Decides nothing, changes nothing."""
