"""`python -m neurodeploy.deploy`."""

import sys

from neurodeploy.commands.deploy import main

if __name__ == "__main__":
    sys.exit(main())
