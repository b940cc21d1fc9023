"""The program without root's right to ignore file modes: `python -m tests.chaos.bound` and what `monitor` takes."""

import ctypes
import os
import sys

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1

if __name__ == "__main__":
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(
        PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "cannot give up the right to ignore file modes")
    # What is executed from here has no such right, whoever runs it.
    os.execv(sys.executable, [sys.executable, "-m", "monitor", *sys.argv[1:]])
