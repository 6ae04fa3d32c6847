# Threads, locks, subprocesses from threads, signals to the main thread, and a checkpoint among running threads.
import os, signal, subprocess, sys, threading

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
counter, lock = [0], threading.Lock()
start, stop = threading.Barrier(5), threading.Event()

def work():
    start.wait()
    for _ in range(2000):
        with lock:
            counter[0] += len(bytearray(100)) // 100
    stop.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
start.wait()
for _ in range(10):
    os.kill(os.getpid(), signal.SIGUSR1)
subprocess.run(["checkpoint", "threads"], check=True)
stop.set()
for t in threads:
    t.join()
print(counter[0], "increments;", set(seen))
print([subprocess.run(["sh", "-c", f"exit {n}"]).returncode for n in range(5)])
print(subprocess.run(["sleep", "10"], preexec_fn=lambda: signal.alarm(1)).returncode)
sys.exit(3)
