"""`python -m neurodeploy.explore`."""

import sys

from neurodeploy.commands.explore import main

if __name__ == "__main__":
    sys.exit(main())
