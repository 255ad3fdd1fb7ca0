//! A Parquet file, as this test writes it with the library alone.

use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use crate::bed::{Bed, ENDS, INPUTS, assert_faults, sha256};

const SCHEMA: &str = "message record { required int64 n; required binary input (UTF8); \
                      required binary outcome (UTF8); optional int64 status_code; \
                      required int64 attempts; optional binary error.kind (UTF8); \
                      optional binary sha256 (UTF8); }";

/// Writes the records of these inputs, with these numbers.
fn write(bed: &Bed, name: &str, records: &[(usize, usize)]) {
    let file = std::fs::File::create(bed.path(name)).expect("a file");
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let ends: Vec<_> = records.iter().map(|(_, of)| ENDS[*of]).collect();
    let bytes = |texts: Vec<String>| -> Vec<ByteArray> {
        texts.into_iter().map(|text| ByteArray::from(text.into_bytes())).collect()
    };
    let mut ints = |values: Vec<i64>, levels: Option<Vec<i16>>| {
        let mut column = group.next_column().expect("a column").expect("there is one more");
        column.typed::<Int64Type>().write_batch(&values, levels.as_deref(), None).expect("written");
        column.close().expect("closed");
    };
    ints(records.iter().map(|(n, _)| *n as i64).collect(), None);
    let mut texts = |values: Vec<String>, levels: Option<Vec<i16>>| {
        let mut column = group.next_column().expect("a column").expect("there is one more");
        let values = bytes(values);
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, levels.as_deref(), None)
            .expect("written");
        column.close().expect("closed");
    };
    texts(records.iter().map(|(_, of)| INPUTS[*of].to_owned()).collect(), None);
    texts(ends.iter().map(|end| end.0.to_owned()).collect(), None);
    let levels = |is: fn(&(&str, u16, &str, &str)) -> bool| -> Option<Vec<i16>> {
        Some(ends.iter().map(|end| i16::from(is(end))).collect())
    };
    let answered = || levels(|end| end.1 > 0);
    let mut ints = |values: Vec<i64>, levels: Option<Vec<i16>>| {
        let mut column = group.next_column().expect("a column").expect("there is one more");
        column.typed::<Int64Type>().write_batch(&values, levels.as_deref(), None).expect("written");
        column.close().expect("closed");
    };
    ints(ends.iter().filter(|end| end.1 > 0).map(|end| i64::from(end.1)).collect(), answered());
    ints(ends.iter().map(|end| i64::from(end.1 > 0)).collect(), None);
    let mut texts = |values: Vec<String>, levels: Option<Vec<i16>>| {
        let mut column = group.next_column().expect("a column").expect("there is one more");
        let values = bytes(values);
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, levels.as_deref(), None)
            .expect("written");
        column.close().expect("closed");
    };
    let kinds = ends.iter().filter(|end| !end.2.is_empty()).map(|end| end.2.to_owned()).collect();
    texts(kinds, levels(|end| !end.2.is_empty()));
    let hashes = ends.iter().filter(|end| end.1 > 0).map(|end| sha256(end.3.as_bytes())).collect();
    texts(hashes, answered());
    group.close().expect("closed");
    writer.close().expect("closed");
}

#[test]
fn what_is_planted_in_parquet_is_named() {
    let right = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)];
    let cases: &[(&str, &[(usize, usize)], &[&str])] = &[
        ("nothing", &right, &[]),
        ("another order", &[(4, 4), (2, 2), (3, 3), (1, 1), (0, 0)], &[]),
        (
            "dropped",
            &[(0, 0), (1, 1), (3, 3), (4, 4)],
            &[
                "urls.txt line 3 (n 2): the input has no record",
                "there are not as many records as inputs; expected 5, found 4",
            ],
        ),
        (
            "doubled",
            &[(0, 0), (1, 1), (2, 2), (2, 2), (3, 3), (4, 4)],
            &[
                "n 2: the input has 2 records, at row 3, row 4",
                "there are not as many records as inputs; expected 5, found 6",
            ],
        ),
        (
            "swapped",
            &[(0, 0), (2, 1), (1, 2), (3, 3), (4, 4)],
            &[
                "row 3 (n 1): the record is of another input than ",
                "row 2 (n 2): the record is of another input than ",
                "row 3 (n 1): outcome is not what ",
                "row 2 (n 2): outcome is not what ",
            ],
        ),
    ];
    for (what, records, expected) in cases {
        let bed = Bed::new();
        bed.write_jsonl("r.jsonl", 0..5);
        write(&bed, "r.parquet", records);
        assert_faults(what, &bed.verify(&["r.jsonl", "r.parquet"]), expected);
    }
}

#[test]
fn a_parquet_file_that_is_cut_is_named() {
    let bed = Bed::new();
    write(&bed, "r.parquet", &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
    let bytes = std::fs::read(bed.path("r.parquet")).expect("read");
    for cut in [5, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(bed.path("r.parquet"), &bytes[..cut]).expect("written");
        let report = bed.verify(&["r.parquet"]);
        let found = crate::bed::faults(&report);
        assert!(found.contains("r.parquet is no whole Parquet file: "), "{cut}: {found}");
    }
}

#[test]
fn parts_are_one_output() {
    let bed = Bed::new();
    write(&bed, "r-0001.parquet", &[(0, 0), (1, 1), (2, 2)]);
    write(&bed, "r-0002.parquet", &[(4, 4), (3, 3)]);
    assert_faults("both", &bed.verify(&["r-{part}.parquet"]), &[]);
    std::fs::remove_file(bed.path("r-0002.parquet")).expect("removed");
    assert_faults(
        "one",
        &bed.verify(&["r-{part}.parquet"]),
        &[
            "(n 3): the input has no record",
            "(n 4): the input has no record",
            "expected 5, found 3",
        ],
    );
}
