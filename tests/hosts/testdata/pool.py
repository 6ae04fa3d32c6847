# A pool of forked workers, a pipe to each, and one worker that dies.
import multiprocessing as mp, os, signal, subprocess

def square(n):
    return n * n

def die(n):
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    mp.set_start_method("fork")
    with mp.Pool(3) as pool:
        print(sum(pool.map(square, range(1000), chunksize=10)))
    child = mp.Process(target=subprocess.call, args=(["checkpoint", "worker"],))
    child.start(); child.join()
    child = mp.Process(target=die, args=(1,))
    child.start(); child.join()
    print("exit code", child.exitcode)
    queue = mp.Queue()
    children = [mp.Process(target=queue.put, args=(n,)) for n in range(8)]
    for c in children: c.start()
    print(sorted(queue.get() for _ in children))
    for c in children: c.join()
    subprocess.run(["checkpoint", "end"], check=True)
    print(sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in [os.fork() or os._exit(2) for _ in range(20)]))
