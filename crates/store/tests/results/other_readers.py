"""Holds a Parquet file and a spreadsheet against the JSON lines of the same run.

Every value is compared, as DuckDB, pyarrow, polars and openpyxl read it; then the types.
"""

import datetime
import decimal
import json
import sys

import duckdb
import openpyxl
import polars
import pyarrow.parquet

lines, parquet, spreadsheet = sys.argv[1:]

JSON = {"chain", "fields", "tags", "headers", "tls.san", "json", "fields.colours"}
MOMENTS = {"started_at", "tls.not_after"}


def members(record):
    """The columns that a line stands for."""
    flat = {}
    for name, value in record.items():
        if name in ("error", "tls"):
            flat.update({f"{name}.{part}": of for part, of in value.items()})
        else:
            flat[name] = value
    for name, value in record.get("fields", {}).items():
        flat[f"fields.{name}"] = value
    if "sku" in record.get("tags", {}):
        flat["tags.sku"] = record["tags"]["sku"]
    # What JSON leaves out because it says nothing new.
    flat.setdefault("method", "GET")
    if "status_code" in record:
        flat.setdefault("final_url", record["url"])
        flat.setdefault("body_bytes", record["content_length"])
    return flat


def expected(name, value):
    if value is None:
        return None
    if name in MOMENTS:
        return datetime.datetime.fromisoformat(value)
    if name == "fields.price":
        return decimal.Decimal(value)
    return value


def found(name, value):
    if value is None:
        return None
    if name in JSON:
        return json.loads(value)
    if name in MOMENTS:
        return value.astimezone(datetime.timezone.utc)
    return value


def compare(reader, rows):
    assert len(rows) == len(WANTED), (reader, len(rows))
    for row, wanted in zip(rows, WANTED):
        for name, value in row.items():
            value = found(name, value)
            want = expected(name, wanted.get(name))
            assert value == want, (reader, name, value, want)
        missing = {name for name, value in wanted.items() if value is not None} - row.keys()
        assert not missing, (reader, missing)


WANTED = [members(json.loads(line)) for line in open(lines, encoding="utf-8")]

table = pyarrow.parquet.read_table(parquet)
compare("pyarrow", table.to_pylist())
compare("polars", polars.read_parquet(parquet).to_dicts())
query = duckdb.sql(f"SELECT * FROM read_parquet('{parquet}')")
compare("duckdb", [dict(zip(query.columns, row)) for row in query.fetchall()])

types = {field.name: str(field.type) for field in table.schema}
for name, want in {
    "n": "int64",
    "url": "string",
    "status_code": "int32",
    "attempts": "int32",
    "content_length": "int64",
    "time_total": "double",
    "started_at": "timestamp[us, tz=UTC]",
    "tls.not_after": "timestamp[us, tz=UTC]",
    "error.retryable": "bool",
    "truncated": "bool",
    "tags": "string",
    "tags.sku": "string",
    "fields.price": "decimal128(7, 3)",
    "fields.stock": "int64",
    "fields.sold": "bool",
    "fields.name": "string",
}.items():
    assert types[name] == want, (name, types[name])
about = pyarrow.parquet.ParquetFile(parquet)
group = about.metadata.row_group(0)
assert group.column(0).compression == "ZSTD"
assert group.column(0).statistics.max == max(wanted["n"] for wanted in WANTED)
run = about.metadata.metadata[b"gather.run"].decode()
count = duckdb.sql(f"SELECT count(*) FROM '{parquet}' WHERE tags->>'sku' = 'A17'").fetchall()
assert count == [(sum(wanted.get("tags.sku") == "A17" for wanted in WANTED),)], count

book = openpyxl.load_workbook(spreadsheet)
assert book.properties.description == f"Run {run}", book.properties.description
rows = []
for sheet in book:
    assert sheet.freeze_panes == "A2"
    head, *body = sheet.iter_rows()
    names = [cell.value for cell in head]
    assert sheet.auto_filter.ref.endswith(str(len(body) + 1)), sheet.auto_filter.ref
    for row in body:
        cells = dict(zip(names, row))
        assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)
        rows.append(cells)
assert book.sheetnames == ["records"] + [f"records {n}" for n in range(2, len(book.sheetnames) + 1)]
assert len(rows) == len(WANTED), len(rows)
for cells, wanted in zip(rows, WANTED):
    for name, cell in cells.items():
        want = expected(name, wanted.get(name))
        value = cell.value
        if name in JSON and value is not None:
            value = json.loads(value)
        if name in MOMENTS and value is not None:
            assert cell.is_date, name
            value = value.replace(tzinfo=datetime.timezone.utc)
        if isinstance(want, decimal.Decimal):
            want = float(want)
        if isinstance(want, str) and len(want) > 32_767:
            assert value.endswith(" [cut]") and len(value) == 32_767, name
            assert want.startswith(value[: -len(" [cut]")]), name
            continue
        # An empty text is an empty cell.
        assert value == want or (value is None and want == ""), (name, value, want)
        assert isinstance(value, bool) == isinstance(want, bool), name
print("compared", len(WANTED), "records in", len(book.sheetnames), "sheets")
