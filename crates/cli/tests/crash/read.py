"""Reads results as other programs do: a line asks (what, tab, path), a line of JSON answers."""

import json
import sys

import openpyxl
import pyarrow.parquet
from warcio.archiveiterator import ArchiveIterator


def parquet(path):
    return pyarrow.parquet.read_table(path, columns=["n", "input", "outcome"]).to_pylist()


def xlsx(path):
    rows = openpyxl.load_workbook(path, read_only=True).worksheets[0].iter_rows(values_only=True)
    header = next(rows)
    return [dict(zip(header, row)) for row in rows]


def warc(path):
    found = []
    with open(path, "rb") as stream:
        records = ArchiveIterator(stream)
        for record in records:
            line = {"type": record.rec_type, "uri": record.rec_headers.get_header("WARC-Target-URI")}
            record.content_stream().read()
            line["offset"] = records.get_record_offset()
            line["length"] = records.get_record_length()
            found.append(line)
    return found


READERS = {"parquet": parquet, "xlsx": xlsx, "warc": warc}

for line in sys.stdin:
    what, path = line.rstrip("\n").split("\t")
    try:
        answer = {"found": READERS[what](path)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer, default=str), flush=True)
