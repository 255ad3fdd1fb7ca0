"""As most scripts do it: a task for each URL, a semaphore, one session. LIST IN_FLIGHT OUTPUT."""

import asyncio
import json
import sys

import aiohttp


async def main(urls, in_flight, output):
    semaphore = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=False)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def fetch(n, url):
            async with semaphore, session.get(url) as response:
                body = await response.read()
                return {"n": n, "url": url, "status": response.status, "bytes": len(body)}

        results = await asyncio.gather(*(fetch(n, url) for n, url in enumerate(urls)))
    with open(output, "w") as file:
        for result in results:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    path, in_flight, output = sys.argv[1:]
    with open(path) as lines:
        asyncio.run(main(lines.read().split(), int(in_flight), output))
