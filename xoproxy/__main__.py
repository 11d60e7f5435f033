"""`python -m xoproxy`."""

import sys

from xoproxy.cli import main

if __name__ == "__main__":
    sys.exit(main())
