"""The other side of the data plane: the addresses of an upstream, and the connections to them."""
