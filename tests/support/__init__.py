"""What tests of several floors share: processes, backends, a browser."""
