# asyncio waits for many children at once: it must see every SIGCHLD or pidfd event.
import asyncio

async def one(n):
    p = await asyncio.create_subprocess_exec("sh", "-c", f"read x; echo $((x * {n})); exit {n}",
                                             stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate(b"7\n")
    return int(out), p.returncode

async def main():
    print(await asyncio.gather(*(one(n) for n in range(24))))
    # By the time of the checkpoint the thread that waits for the child is there.
    p = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.3; exec checkpoint loop")
    print(await p.wait())
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await reader.read())
    writer.close(); server.close()
    print(await asyncio.to_thread(sum, range(1000)))

asyncio.run(main())
