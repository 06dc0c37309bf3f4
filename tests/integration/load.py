"""A load generator for tests: many requests at once on one thread. One connection a request, as the worst client does."""
import asyncio
import json
import time


class Result:
    __slots__ = ("status", "headers", "seconds", "first_byte", "body", "error")

    def __init__(self):
        self.status, self.headers, self.seconds, self.first_byte, self.body, self.error = None, {}, 0.0, 0.0, b"", None


async def ask(port, path, body, timeout, headers=()):
    """POSTs `body` as JSON. What went wrong on the way is in `error`."""
    result, start = Result(), time.monotonic()
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = json.dumps(body).encode()
            extra = "".join(f"{h}\r\n" for h in headers)
            writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n{extra}"
                         f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            result.first_byte = time.monotonic() - start
            lines = head.decode("latin-1").split("\r\n")
            result.status = int(lines[0].split(" ")[1])
            result.headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            result.body = await reader.read(-1)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError) as error:
        result.error = f"{type(error).__name__}: {error}"
    finally:
        if writer is not None:
            writer.close()
    result.seconds = time.monotonic() - start
    return result


async def closed_loop(port, path, body, workers, seconds, timeout=60):
    """`workers` clients, each with one request after the other."""
    results, end = [], time.monotonic() + seconds

    async def worker():
        while time.monotonic() < end:
            results.append(await ask(port, path, body, timeout))

    await asyncio.gather(*(worker() for _ in range(workers)))
    return results


async def open_loop(port, path, body, rate, seconds, timeout=60, every=None):
    """`rate` requests a second whatever the answers do. `every` is awaited about once a second meanwhile."""
    tasks, start, sent = [], time.monotonic(), 0
    next_check = start
    while (now := time.monotonic()) < start + seconds:
        due = int((now - start) * rate) + 1
        while sent < due:
            tasks.append(asyncio.create_task(ask(port, path, body, timeout)))
            sent += 1
        if every is not None and now >= next_check:
            next_check = now + 1.0
            await every()
        await asyncio.sleep(min(0.005, 1.0 / rate))
    return await asyncio.gather(*tasks)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
