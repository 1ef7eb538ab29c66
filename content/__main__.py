"""Runs a module of this folder, wherever the folder is: `python content hb_content.lint`, `python content tests.lint_cases`.

Python puts a folder that it is given in front of where it looks for modules, so neither an installation nor a setting is
needed: `hb-sentinel demo --dashboard` runs a copy like this too.
"""

import runpy
import sys

del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
