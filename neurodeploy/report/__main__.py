"""`python -m neurodeploy.report`."""

import sys

from neurodeploy.commands.report import main

if __name__ == "__main__":
    sys.exit(main())
