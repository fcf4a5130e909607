"""`python -m neurodeploy.train`."""

import sys

from neurodeploy.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
