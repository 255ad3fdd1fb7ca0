"""What warcio makes of an archive: a line of JSON for each record, then what its checker says."""

import hashlib
import json
import subprocess
import sys

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed


def told(records, record):
    line = {name.lower(): value for name, value in record.rec_headers.headers}
    if record.http_headers:
        line["status"] = record.http_headers.statusline
        line["headers"] = record.http_headers.headers
    content = record.content_stream().read()
    line["sha256"] = hashlib.sha256(content).hexdigest()
    line["bytes"] = len(content)
    line["text"] = content[:4096].decode("utf-8", "replace")
    # Asking for it earlier would skip the content.
    line["offset"] = records.get_record_offset()
    line["length"] = records.get_record_length()
    return line


path = sys.argv[1]
with open(path, "rb") as stream:
    records = ArchiveIterator(stream)
    try:
        for record in records:
            print(json.dumps(told(records, record)))
    except (ArchiveLoadFailed, EOFError) as error:
        print(json.dumps({"torn": str(error)}))
check = subprocess.run(
    [sys.executable, "-m", "warcio.cli", "check", path], capture_output=True, text=True
)
print(json.dumps({"check": check.returncode, "said": check.stdout + check.stderr}))
