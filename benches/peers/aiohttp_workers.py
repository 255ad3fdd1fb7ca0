"""As it is done well: so many workers, a list that is read as they go, uvloop. LIST IN_FLIGHT OUTPUT."""

import asyncio
import json
import sys

import aiohttp
import uvloop


async def main(path, in_flight, output):
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=False)
    timeout = aiohttp.ClientTimeout(total=30)
    with open(path) as lines, open(output, "w") as file:
        urls = enumerate(line.strip() for line in lines)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def work():
                for n, url in urls:
                    async with session.get(url) as response:
                        body = await response.read()
                    record = {"n": n, "url": url, "status": response.status, "bytes": len(body)}
                    file.write(json.dumps(record) + "\n")

            await asyncio.gather(*(work() for _ in range(in_flight)))


if __name__ == "__main__":
    path, in_flight, output = sys.argv[1:]
    uvloop.run(main(path, int(in_flight), output))
