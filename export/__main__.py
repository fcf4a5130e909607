"""`python -m neurodeploy.export`."""

import sys

from neurodeploy.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
