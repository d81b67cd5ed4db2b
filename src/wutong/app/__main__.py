"""`python -m wutong.app`: the operator's commands that need the whole house."""

import sys

from wutong.app.main import main

sys.exit(main(sys.argv[1:]))
