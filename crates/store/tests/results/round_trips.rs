//! From every form into every form and back.

use std::fs;
use std::io::Write;

use gather_store::{Fields, Format};

use crate::records::{FORMS, LINES, file, open, read_all, spec, values, write_all, write_as};

#[test]
fn every_pair_of_forms_keeps_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let original = file(dir.path(), "original.jsonl", LINES);
    // Numbers beyond what a column of 64 bits with a sign holds are held to it.
    let lines = LINES.replace("18446744073709551614", "3");
    fs::write(&original, &lines).unwrap();
    let (records, said) = read_all(&original);
    assert_eq!(said, [""; 0]);
    for a in FORMS {
        let first = write_as(dir.path(), "a", a, &records);
        for b in FORMS {
            let second = write_as(dir.path(), "b", b, &read_all(&first).0);
            let back = write_as(dir.path(), "back", "jsonl", &read_all(&second).0);
            let text = fs::read_to_string(&back).unwrap();
            // A database has columns for what is known, and no order of fields.
            if [a, b].contains(&&"db") {
                let known = lines.replace(",\"from_a_later_version\":\"kept\"", "");
                assert_eq!(values(&text), values(&known), "{a} -> {b}");
            } else {
                // Not only equal values: the same bytes, order of members and all.
                assert_eq!(text, lines, "{a} -> {b}");
            }
            fs::remove_file(&back).unwrap();
            fs::remove_file(&second).unwrap();
        }
        fs::remove_file(&first).unwrap();
    }
}

/// What only JSON can say is kept by JSON: repeats that were asked for, parts, unknown members.
#[test]
fn json_lines_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let lines = concat!(
        r#"{"url":"http://a.example/","final_url":"http://a.example/","method":"GET","body_bytes":0}"#,
        "\n",
        r#"{"status_code":200,"num_redirects":0,"title":"T","a.b":{"c":[1.0]},"d":null}"#,
        "\n",
        r#"{"n":7,"outcome":"failed","http_version":"3","error":{"kind":"newer.kind","of":1}}"#,
        "\n",
        r#"{"body":"/wA=","body_encoding":"base64"}"#,
        "\n",
        r#"{"fields":{"deep":{"x":1.5}},"tags":{"t":5},"headers":{"etag":"x"}}"#,
        "\n",
        r#"{"n":0,"url":"","status_code":0,"time_total":0,"chain":[],"fields":{},"sha256":null}"#,
        "\n",
        "{}\n",
    );
    let original = file(dir.path(), "original.jsonl", lines);
    let (records, said) = read_all(&original);
    assert_eq!(said, [""; 0]);
    let back = write_as(dir.path(), "back", "jsonl", &records);
    assert_eq!(fs::read_to_string(back).unwrap(), lines);
    let body = records[3].body.as_deref();
    assert_eq!(body, Some(&[0xff, 0][..]));
}

#[test]
fn members_that_are_asked_for_are_written_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let original = file(dir.path(), "original.jsonl", LINES);
    let (records, _) = read_all(&original);
    let cases = [
        (
            "url,final_url,num_redirects",
            r#"{"url":"http://a.example/p/1","final_url":"http://a.example/p/1","num_redirects":0}"#,
        ),
        (
            "title,tags.sku,fields.stock",
            r#"{"fields":{"stock":17},"tags":{"sku":"A17"},"title":"-1+1, \"x\""}"#,
        ),
        ("headers.etag,json", r#"{"headers":{"etag":"\"x\""},"json":{"b":1.10,"a":[1,{}]}}"#),
        ("preview", "{}"),
    ];
    for (at, (list, expected)) in cases.into_iter().enumerate() {
        let path = dir.path().join(format!("{at}.jsonl"));
        write_all(&spec(&path, Format::Jsonl, Fields::parse(list).unwrap()), &records[..1]);
        assert_eq!(fs::read_to_string(path).unwrap().trim_end(), expected, "{list}");
    }
}

#[test]
fn a_gzipped_result_is_read_by_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let plain = read_all(&file(dir.path(), "plain.jsonl", LINES)).0;
    let csv = fs::read(write_as(dir.path(), "plain", "csv", &plain)).unwrap();
    for (name, text) in [("a.jsonl.gz", LINES.as_bytes()), ("b.csv.gz", &csv), ("c", &csv)] {
        let path = dir.path().join(name);
        let zipped = fs::File::create(&path).unwrap();
        let mut zip = flate2::write::GzEncoder::new(zipped, flate2::Compression::fast());
        zip.write_all(text).unwrap();
        zip.finish().unwrap();
        assert_eq!(read_all(&path).0.len(), plain.len(), "{name}");
    }
}

/// As long as a run writes, its records so far are read under the name of what will be built.
#[test]
fn a_result_that_is_being_built_is_read_of_its_spool() {
    let dir = tempfile::tempdir().unwrap();
    let records = read_all(&file(dir.path(), "original.jsonl", LINES)).0;
    for (name, format) in [("a.parquet", Format::Parquet), ("a.xlsx", Format::Xlsx)] {
        let path = dir.path().join(name);
        let spec = spec(&path, format, Fields::held());
        let mut sink = gather_store::open(&spec, &crate::records::run()).unwrap();
        records[..2].iter().for_each(|record| sink.write(record).unwrap());
        sink.commit().unwrap();
        assert!(!path.exists());
        let (so_far, said) = read_all(&path);
        assert_eq!((so_far.len(), said.len()), (2, 0), "{name}");
        let back = write_as(dir.path(), name, "jsonl", &so_far);
        let two: Vec<&str> = LINES.lines().take(2).collect();
        assert_eq!(fs::read_to_string(back).unwrap().trim_end(), two.join("\n"), "{name}");
    }
}

#[test]
fn a_parquet_file_says_which_run_it_is_of() {
    let dir = tempfile::tempdir().unwrap();
    let records = read_all(&file(dir.path(), "original.jsonl", LINES)).0;
    let path = write_as(dir.path(), "a", "parquet", &records);
    let results = open(&path).unwrap();
    assert_eq!(results.run(), Some(&crate::records::run()));
}
