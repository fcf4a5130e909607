"""`python -m neurodeploy.data`."""

import sys

from neurodeploy.commands.data import main

if __name__ == "__main__":
    sys.exit(main())
