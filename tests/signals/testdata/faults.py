"""A host that dies of SIGSEGV in children, with and without faulthandler, and handles it itself."""
import os
import signal
import subprocess
import sys

for cmd in (("-c", "import ctypes; ctypes.string_at(0)"),
            ("-X", "faulthandler", "-c", "import ctypes; ctypes.string_at(0)"),
            ("-X", "faulthandler", "-c", "import faulthandler; faulthandler._stack_overflow()"),
            ("-X", "faulthandler", "-c", "import faulthandler; faulthandler._sigsegv()")):
    r = subprocess.run((sys.executable,) + cmd, capture_output=True, text=True)
    print(r.returncode, r.stdout, r.stderr.splitlines()[:1])

signal.signal(signal.SIGSEGV, lambda sig, frame: print("handled", sig))
os.kill(os.getpid(), signal.SIGSEGV)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSEGV])
os.kill(os.getpid(), signal.SIGSEGV)
print("blocked", [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])])
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGSEGV])
print("unblocked")
