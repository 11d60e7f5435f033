"""Where clients come from: sockets, certificates, and what stands in front of a connection."""
