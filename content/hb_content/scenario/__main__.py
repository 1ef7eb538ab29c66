"""The command: see run.py."""

import sys

from hb_content.scenario.run import main

sys.exit(main())
