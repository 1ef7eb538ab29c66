"""Cuts every sleep of `az` short: it waits a minute after publishing, whatever the answer. Put on PYTHONPATH by the tests."""

import time

sleep = time.sleep
time.sleep = lambda seconds: sleep(min(float(seconds), 0.05))
