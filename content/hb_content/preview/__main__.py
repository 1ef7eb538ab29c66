"""The command: see render.py."""

import sys

from hb_content.preview.render import main

sys.exit(main())
