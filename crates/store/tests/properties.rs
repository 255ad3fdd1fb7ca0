//! Whatever a record holds, other people's readers get it back. A failure prints its smallest
//! record.

use std::time::Duration;

use bytes::Bytes;
use gather_core::attempt::{ChainLink, Timings};
use gather_core::target::Place;
use gather_core::{ErrorKind, Failure, Outcome, Record, RecordError};
use gather_store::{
    CsvBom, Durability, Encoder, Existing, Fields, Format, OutputSpec, OutputTarget, RunInfo,
    Template, open,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const FIELDS: &str = "n,source,line,input,url,final_url,method,outcome,status_code,content_type,\
                      content_length,body_bytes,attempts,error,time_queue,time_total,chain,tags,\
                      body_path,body";

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

prop_compose! {
    fn records()(
        (n, status_code, attempts) in any::<(u64, u16, u32)>(),
        (content_length, body_bytes) in any::<(u64, u64)>(),
        (queue_us, total_us) in (0u64..1 << 40, 0u64..1 << 40),
        url in any::<String>(),
        (input, final_url, method) in any::<(Option<String>, Option<String>, Option<String>)>(),
        (content_type, body_path) in any::<(Option<String>, Option<String>)>(),
        place in option::of((option::of(any::<String>()), 1u64..)),
        outcome in outcomes(),
        chain in vec((any::<String>(), 300u16..400), 0..3),
        tags in vec((any::<String>(), any::<String>()), 0..3),
        body in option::of(prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            any::<Vec<u8>>(),
        ]),
    ) -> Record {
        let boxed = |text: Option<String>| text.map(String::into_boxed_str);
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
            timings: Timings { total: Duration::from_micros(total_us), ..Timings::default() },
            chain: chain
                .into_iter()
                .map(|(url, status)| ChainLink { url: url.into(), status })
                .collect(),
            tags: Some(Box::new(tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect())),
            body_path: boxed(body_path),
            body: body.map(Bytes::from),
            ..Record::new(n, outcome)
        }
    }
}

/// The record as `FIELDS` describes it, built without this crate.
fn expected(record: &Record) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        if value != Value::Null && value != json!("") {
            object.insert(name.to_owned(), value);
        }
    };
    let answered = |value: Value| if record.status_code == 0 { Value::Null } else { value };
    let seconds = |time: Duration| match time.as_micros() {
        0 => Value::Null,
        us if us.is_multiple_of(1_000_000) => json!(time.as_secs()),
        _ => json!(time.as_secs_f64()),
    };
    put("n", json!(record.n));
    put("source", json!(record.place.as_ref().and_then(|place| place.source.as_deref())));
    put("line", json!(record.place.as_ref().map(|place| place.line)));
    put("url", json!(record.url));
    let final_url = match &record.final_url {
        Some(url) => json!(url),
        None => answered(json!(record.url)),
    };
    put("final_url", final_url);
    put("method", json!(record.method.as_deref().unwrap_or("GET")));
    put("outcome", json!(record.outcome.as_str()));
    put("status_code", answered(json!(record.status_code)));
    put("content_type", json!(record.content_type.as_deref()));
    put("content_length", answered(json!(record.content_length)));
    put("body_bytes", answered(json!(record.body_bytes)));
    put("attempts", json!(record.attempts));
    if let Some(error) = record.outcome.error() {
        let mut said = json!({"kind": error.kind.as_str(), "retryable": error.retryable});
        if !error.message.is_empty() {
            said["message"] = json!(error.message);
        }
        put("error", said);
    }
    put("time_queue", seconds(record.time_queue));
    put("time_total", seconds(record.timings.total));
    let link = |link: &ChainLink| json!({"url": link.url, "status_code": link.status});
    if !record.chain.is_empty() {
        put("chain", record.chain.iter().map(link).collect());
    }
    // Of two tags with one name readers keep the last.
    let tags: Map<String, Value> = record
        .tags
        .iter()
        .flat_map(|tags| tags.iter())
        .map(|(k, v)| (k.to_string(), json!(v)))
        .collect();
    if !tags.is_empty() {
        put("tags", tags.into());
    }
    put("body_path", json!(record.body_path));
    object.insert("input".to_owned(), json!(record.input()));
    object.into()
}

/// Sets aside what is compared on its own.
fn take(object: &mut Value, name: &str) -> Option<Value> {
    object.as_object_mut().expect("a record is an object").remove(name)
}

fn csv_of(record: &Record, path: &std::path::Path) -> Vec<u8> {
    let spec = OutputSpec {
        target: OutputTarget::File(path.to_owned()),
        format: Format::Csv(CsvBom::None),
        fields: Fields::parse(FIELDS).unwrap(),
        existing: Existing::Overwrite,
        durability: Durability::System,
    };
    let mut sink = open(&spec, &RunInfo::new(0, 0)).unwrap();
    sink.write(record).unwrap();
    sink.finish().unwrap();
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_readers_get_every_member_back(record in records()) {
        let mut line = Vec::new();
        Encoder::new(&Fields::parse(FIELDS).unwrap()).encode(&record, &mut line);
        prop_assert!(!line.contains(&b'\n'));
        let mut read: Value = serde_json::from_slice(&line).unwrap();
        let body = take(&mut read, "body").map(|body| body.as_str().unwrap().to_owned());
        let encoding = take(&mut read, "body_encoding");
        prop_assert_eq!(&read, &expected(&record));
        match record.body.as_deref().map(std::str::from_utf8) {
            None => prop_assert_eq!((body, encoding), (None, None)),
            Some(Ok(text)) => prop_assert_eq!((body.as_deref(), encoding), (Some(text), None)),
            Some(Err(_)) => {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD.decode(body.unwrap());
                prop_assert_eq!(bytes.unwrap(), record.body.unwrap());
                prop_assert_eq!(encoding, Some(json!("base64")));
            }
        }
    }

    #[test]
    fn the_default_record_is_json_too(record in records()) {
        let mut line = Vec::new();
        Encoder::new(&Fields::default()).encode(&record, &mut line);
        let read: Value = serde_json::from_slice(&line).unwrap();
        let repeated = ["final_url", "method"].map(|name| read.get(name).is_some());
        let differs = record.final_url.as_ref().is_some_and(|url| !url.is_empty() && *url != record.url);
        let named = record.method.as_ref().is_some_and(|method| !method.is_empty());
        prop_assert_eq!(repeated, [differs, named]);
    }

    #[test]
    fn csv_readers_get_every_cell_back_and_no_formula(record in records()) {
        let dir = tempfile::tempdir().unwrap();
        let bytes = csv_of(&record, &dir.path().join("out.csv"));
        let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[..]);
        let header = reader.byte_headers().unwrap().clone();
        let rows: Vec<csv::ByteRecord> = reader.byte_records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), 1);
        let expected = expected(&record);
        for (name, cell) in header.iter().zip(&rows[0]) {
            prop_assert!(!cell.first().is_some_and(|first| b"=+-@\t\r".contains(first)));
            let name = std::str::from_utf8(name).unwrap();
            if let Some(Value::String(text)) = expected.get(name) {
                let text = text.as_bytes();
                let guarded = cell.strip_prefix(b"'").is_some_and(|rest| rest == text);
                prop_assert!(cell == text || guarded, "{}: {:?}", name, cell);
            }
        }
    }

    #[test]
    fn a_text_line_is_one_line_without_controls(record in records()) {
        let templates = [Template::Standard, Template::parse("{url} {tags} {body} {chain}").unwrap()];
        for template in templates {
            let mut line = Vec::new();
            template.encode(&record, &mut line);
            let line = String::from_utf8(line).unwrap();
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
        }
    }
}
