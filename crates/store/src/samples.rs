//! Records to test with.

use std::sync::Arc;
use std::time::Duration;

use gather_core::attempt::{ChainLink, HttpVersion, Timings, TlsInfo};
use gather_core::{Failure, Outcome, Record, RecordError};

/// 2026-11-21T10:00:00.123456Z.
const STARTED_UNIX_US: u64 = 1_795_255_200_123_456;

/// A page over plain http, as most are.
pub(crate) fn http_page() -> Record {
    Record {
        url: "http://shop.example/p/17".into(),
        status_code: 200,
        remote_ip: Some([203, 0, 113, 217].into()),
        content_type: Some("text/html; charset=utf-8".into()),
        content_length: 18_234,
        body_bytes: 18_234,
        attempts: 1,
        time_queue: Duration::from_nanos(2_100_000),
        timings: Timings {
            started_unix_us: STARTED_UNIX_US,
            namelookup: Duration::from_micros(412),
            connect: Duration::from_micros(11_035),
            appconnect: Duration::ZERO,
            starttransfer: Duration::from_micros(120_417),
            total: Duration::from_micros(151_000),
        },
        ..Record::new(17, Outcome::Ok)
    }
}

/// A compressed page over https, after a redirect, with a tag.
pub(crate) fn https_page() -> Record {
    let mut record = http_page();
    record.url = "https://a.example/p/17".into();
    record.final_url = Some("https://www.a.example/p/17".into());
    record.http_version = HttpVersion::Http2;
    record.body_bytes = 5120;
    record.timings.appconnect = Duration::from_micros(34_000);
    record.tls = Some(Arc::new(TlsInfo {
        version: "1.3",
        not_after_unix_s: Some(1_800_000_000),
        san: vec!["a.example".into(), "*.a.example".into()],
        issuer: None,
    }));
    record.chain = vec![ChainLink { url: "https://a.example/p/17".into(), status: 301 }];
    record.tags = Some(Box::new(vec![("sku".into(), "A17".into())]));
    record
}

/// A target that never answered.
pub(crate) fn failed(kind: gather_core::ErrorKind, message: &str) -> Record {
    let mut record = http_page();
    record.outcome = Outcome::Failed(RecordError::new(Failure::new(kind, message), true));
    record.status_code = 0;
    record.remote_ip = None;
    record.content_type = None;
    record.content_length = 0;
    record.body_bytes = 0;
    record.attempts = 3;
    record.timings = Timings { total: Duration::from_millis(5001), ..Timings::default() };
    record
}
