//! Whatever a record holds, it comes back from every form. A failure prints its smallest record.

use std::fs;
use std::time::Duration;

use gather_core::attempt::{ChainLink, Timings};
use gather_core::target::Place;
use gather_core::{ErrorKind, Failure, FieldValue, Outcome, Record, RecordError};
use gather_store::{CsvBom, Encoder, Fields, Format};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::records::{FORMS, read_all, spec, values, write_all};

fn outcomes() -> impl Strategy<Value = Outcome> {
    let error = (0..ErrorKind::ALL.len(), any::<String>(), any::<bool>()).prop_map(
        |(kind, message, retryable)| {
            RecordError::new(Failure::new(ErrorKind::ALL[kind], message), retryable)
        },
    );
    prop_oneof![
        Just(Outcome::Ok),
        error.clone().prop_map(Outcome::Failed),
        error.prop_map(Outcome::Skipped),
    ]
}

fn field_values() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        Just(FieldValue::Null),
        any::<bool>().prop_map(FieldValue::Bool),
        any::<i64>().prop_map(FieldValue::Int),
        "-?[0-9]{1,12}(\\.[0-9]{1,6})?".prop_map(|text| FieldValue::Decimal(text.into())),
        any::<String>().prop_map(|text| FieldValue::Text(text.into())),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| vec(inner, 0..3).prop_map(FieldValue::List))
}

prop_compose! {
    fn records()(
        (n, status_code, attempts) in (0..1_u64 << 63, any::<u16>(), 0..1_u32 << 31),
        (content_length, body_bytes) in (0..1_u64 << 63, 0..1_u64 << 63),
        // A Parquet file has times as doubles: exact to the microsecond for centuries.
        (queue_us, total_us, started_us) in (0_u64..1 << 50, 0_u64..1 << 50, 0_u64..1 << 52),
        url in any::<String>(),
        (input, final_url, method) in any::<(Option<String>, Option<String>, Option<String>)>(),
        content_type in any::<Option<String>>(),
        place in option::of((option::of(any::<String>()), 1_u64..1 << 63)),
        outcome in outcomes(),
        chain in vec((any::<String>(), 300_u16..400), 0..3),
        tags in vec(("[a-z]{1,4}", any::<String>()), 0..3),
        fields in vec(("[a-z]{1,4}", field_values()), 0..3),
        headers in vec(("[a-z]{1,4}", any::<String>()), 0..3),
        sha256 in option::of(any::<[u8; 32]>()),
        truncated in any::<bool>(),
    ) -> Record {
        let boxed = |text: Option<String>| text.map(String::into_boxed_str);
        let mut fields: Vec<_> = fields.into_iter().map(|(k, v)| (k.into(), v)).collect();
        fields.sort_by(|a: &(std::sync::Arc<str>, _), b| a.0.cmp(&b.0));
        fields.dedup_by(|a, b| a.0 == b.0);
        Record {
            input: boxed(input),
            url,
            final_url,
            place: place.map(|(source, line)| {
                Box::new(Place { source: source.map(Into::into), line })
            }),
            method: boxed(method),
            status_code,
            content_type: content_type.map(Into::into),
            content_length,
            body_bytes,
            attempts,
            time_queue: Duration::from_micros(queue_us),
            timings: Timings {
                started_unix_us: started_us,
                total: Duration::from_micros(total_us),
                ..Timings::default()
            },
            chain: chain
                .into_iter()
                .map(|(url, status)| ChainLink { url: url.into(), status })
                .collect(),
            tags: Some(Box::new(tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect())),
            fields: Some(Box::new(fields)),
            headers: Some(Box::new(
                headers.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            )),
            sha256,
            truncated,
            ..Record::new(n, outcome)
        }
    }
}

fn line(record: &Record, fields: &Fields) -> String {
    let mut line = Vec::new();
    Encoder::new(fields).encode(record, &mut line);
    String::from_utf8(line).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 64, ..ProptestConfig::default()
    })]

    #[test]
    fn every_form_gives_the_record_back(record in records()) {
        let dir = tempfile::tempdir().unwrap();
        let fields = Fields::parse("+headers").unwrap();
        let expected = line(&record, &fields);
        for form in FORMS {
            let path = dir.path().join(format!("a.{form}"));
            let format = match *form {
                "jsonl" => Format::Jsonl,
                "csv" => Format::Csv(CsvBom::None),
                "db" => Format::Sqlite,
                _ => Format::Parquet,
            };
            write_all(&spec(&path, format, fields.clone()), std::slice::from_ref(&record));
            let (read, said) = read_all(&path);
            prop_assert_eq!((read.len(), said.len()), (1, 0), "{}: {:?}", form, said);
            // An empty cell says nothing.
            let expected = match *form {
                "csv" => expected.replace("\"input\":\"\",", ""),
                _ => expected.clone(),
            };
            let found = line(&read[0], &Fields::held());
            match *form {
                // Its fields have no order.
                "db" => prop_assert_eq!(values(&found), values(&expected), "{}", form),
                _ => prop_assert_eq!(found, expected, "{}", form),
            }
            fs::remove_file(&path).unwrap();
        }
    }
}
