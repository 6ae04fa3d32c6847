# A program that blocks its signals and takes them with sigtimedwait: with a thread that does not block them in the
# process, the default action would kill it.
import os, signal, subprocess

mask = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, mask)
got = 0
for _ in range(50):
    os.kill(os.getpid(), signal.SIGUSR1)
    info = signal.sigtimedwait(mask, 1)
    got += info is not None and info.si_signo == signal.SIGUSR1
print("SIGUSR1", got)
os.kill(os.getpid(), signal.SIGTERM)
print("SIGTERM", signal.sigtimedwait(mask, 1).si_signo)
children = 0
for n in range(50):
    pid = os.fork()
    if pid == 0:
        os._exit(n)
    info = signal.sigtimedwait(mask, 5)
    children += info is not None and info.si_pid == pid and info.si_status == n
    os.waitpid(pid, 0)
print("SIGCHLD", children)
subprocess.run(["checkpoint", "masked"], check=True)
print("pending", signal.sigpending())
