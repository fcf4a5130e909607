"""`python -m neurodeploy.predict`."""

import sys

from neurodeploy.commands.predict import main

if __name__ == "__main__":
    sys.exit(main())
