"""The command: see linter.py."""

import sys

from hb_content.lint.linter import main

sys.exit(main(sys.argv[1:]))
