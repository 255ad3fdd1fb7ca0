"""A spider over a list, with records as JSON lines. LIST IN_FLIGHT OUTPUT."""

import sys

import scrapy
from scrapy.crawler import CrawlerProcess


class ListSpider(scrapy.Spider):
    name = "list"

    async def start(self):
        with open(sys.argv[1]) as lines:
            for n, line in enumerate(lines):
                yield scrapy.Request(line.strip(), cb_kwargs={"n": n}, dont_filter=True)

    def parse(self, response, n):
        yield {"n": n, "url": response.url, "status": response.status, "bytes": len(response.body)}


process = CrawlerProcess(
    settings={
        "CONCURRENT_REQUESTS": int(sys.argv[2]),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(sys.argv[2]),
        "DOWNLOAD_DELAY": 0,
        "FEEDS": {sys.argv[3]: {"format": "jsonlines", "overwrite": True}},
        "LOG_LEVEL": "ERROR",
        "TELNETCONSOLE_ENABLED": False,
    }
)
process.crawl(ListSpider)
process.start()
