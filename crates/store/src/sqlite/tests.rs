//! Faults that only the inside can bring about: locks without waiting, a disk of a given size.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::fields::Fields;
use crate::samples::https_page;
use crate::sink::{Durability, Format};

struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("r.db")
    }

    fn open(&self) -> Result<Sqlite, SinkError> {
        let spec = OutputSpec {
            target: OutputTarget::File(self.path()),
            format: Format::Sqlite,
            fields: Fields::default(),
            existing: Existing::Refuse,
            durability: Durability::Disk,
        };
        Sqlite::open(&spec, &RunInfo::new(1, 1), Duration::ZERO)
    }

    fn count(&self) -> i64 {
        let connection = Connection::open(self.path()).unwrap();
        connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
    }
}

fn write(sink: &mut Sqlite, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let mut record = https_page();
        record.n = n;
        sink.write(&record).unwrap();
    }
}

#[test]
fn a_lock_is_said_and_nothing_is_lost_by_it() {
    let bench = Bench::new();
    let mut sink = bench.open().unwrap();
    write(&mut sink, 0..3);
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = sink.commit().unwrap_err();
    assert_eq!((error.kind, error.kept), (SinkErrorKind::Locked, Some(Position::default())));
    let hint = "is locked by another process; 0 whole records (0 bytes) are kept; \
                hint: end what holds it, perhaps an open transaction; then again";
    assert!(error.to_string().ends_with(hint), "{error}");
    let opened = bench.open().map(drop).unwrap_err();
    assert_eq!(opened.kind, SinkErrorKind::Locked, "{opened}");
    other.execute_batch("ROLLBACK").unwrap();
    write(&mut sink, 3..4);
    assert_eq!(sink.commit().unwrap().records, 4);
    assert_eq!(bench.count(), 4);
}

#[test]
fn a_full_disk_keeps_whole_groups_and_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let mut sink = bench.open().unwrap();
    write(&mut sink, 0..3);
    sink.commit().unwrap();
    let pages = |sink: &Sqlite, most: i64| {
        sink.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).unwrap();
    };
    pages(&sink, 1);
    // The first of the job's table come with it: they must be made again.
    write(&mut sink, 3..500);
    let error = sink.commit().unwrap_err();
    let kept = Position { parts: 0, bytes: 0, records: 3 };
    assert_eq!((error.kind, error.kept), (SinkErrorKind::DiskFull, Some(kept)));
    let said = "no space left; 3 records are kept; hint: free some space, then run it again";
    assert!(error.to_string().ends_with(said), "{error}");
    assert_eq!(bench.count(), 3);
    pages(&sink, 1 << 20);
    write(&mut sink, 500..501);
    assert_eq!(sink.commit().unwrap().records, 501);
    assert_eq!(bench.count(), 501);
    Box::new(sink).finish().unwrap();
}

#[test]
fn columns_that_went_with_a_transaction_are_made_again() {
    let bench = Bench::new();
    let mut sink = bench.open().unwrap();
    write(&mut sink, 0..1);
    let most = |sink: &Sqlite, most: i64| {
        sink.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).unwrap();
    };
    most(&sink, 1);
    let mut fault = sink.commit();
    // Where the first group still fits into free pages, the next ones do not.
    for n in 1..2000 {
        if fault.is_err() {
            break;
        }
        write(&mut sink, n..n + 1);
        fault = sink.commit();
    }
    assert_eq!(fault.unwrap_err().kind, SinkErrorKind::DiskFull);
    most(&sink, 1 << 20);
    sink.commit().unwrap();
    let connection = Connection::open(bench.path()).unwrap();
    let skus = "SELECT count(*) FROM result WHERE sku = 'A17'";
    let skus: i64 = connection.query_row(skus, [], |row| row.get(0)).unwrap();
    assert_eq!(skus, bench.count());
}

#[test]
fn after_a_failed_sync_nothing_is_tried_again() {
    let bench = Bench::new();
    let mut sink = bench.open().unwrap();
    write(&mut sink, 0..1);
    let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
    let error = sink.failed(&rusqlite::Error::SqliteFailure(failed, None));
    assert_eq!(error.kind, SinkErrorKind::Io);
    let again = sink.commit().unwrap_err().to_string();
    assert!(again.contains("an earlier sync failed"), "{again}");
    assert_eq!(bench.count(), 0);
}
