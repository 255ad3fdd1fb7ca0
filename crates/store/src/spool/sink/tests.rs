//! Kills, parts, builds that fail: what is left, and that it goes on.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gather_core::Outcome;

use super::*;
use crate::error::SinkErrorKind;
use crate::fields::Fields;
use crate::sink::{Durability, Format};
use crate::spool::discard;

const PART_RECORDS: u64 = 10;

/// Writes the numbers of the records; fails while it is told to.
#[derive(Default)]
struct Numbers {
    fails: Arc<AtomicBool>,
}

impl Build for Numbers {
    fn build(&self, spool: &Spool<'_>, _: &Survey, mut file: &File) -> Result<(), BuildError> {
        let mut records = spool.records()?;
        while let Some(record) = records.next()? {
            write!(file, "{} ", record.n).map_err(BuildError::Write)?;
        }
        match self.fails.load(Ordering::Relaxed) {
            true => Err(BuildError::Write(io::ErrorKind::StorageFull.into())),
            false => Ok(()),
        }
    }
}

struct Bed {
    dir: tempfile::TempDir,
    spec: OutputSpec,
    fails: Arc<AtomicBool>,
}

impl Bed {
    fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spec = OutputSpec {
            target: OutputTarget::File(dir.path().join(name)),
            // Any that is built of a spool.
            format: Format::Parquet,
            fields: Fields::default(),
            existing: Existing::Refuse,
            durability: Durability::System,
        };
        Self { dir, spec, fails: Arc::default() }
    }

    fn open(&mut self, existing: Existing) -> Result<Box<Spooled>, SinkError> {
        self.spec.existing = existing;
        let build = Box::new(Numbers { fails: Arc::clone(&self.fails) });
        Spooled::open(&self.spec, PART_RECORDS, build).map(Box::new)
    }

    /// The files and what is in those that are built, in the order of their names.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut files: Vec<String> = entries
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let is_spool = path.extension().is_some_and(|end| end == EXTENSION);
                let text = if is_spool { String::new() } else { fs::read_to_string(path).unwrap() };
                format!("{name} {text}").trim_end().to_owned()
            })
            .collect();
        files.sort();
        files
    }
}

fn write(sink: &mut Spooled, numbers: std::ops::Range<u64>) {
    for n in numbers {
        sink.write(&Record::new(n, Outcome::Ok)).unwrap();
    }
}

/// What is built of these records.
fn text(numbers: std::ops::Range<u64>) -> String {
    let numbers: Vec<String> = numbers.map(|n| n.to_string()).collect();
    numbers.join(" ")
}

#[test]
fn a_file_appears_as_a_whole_and_its_spool_goes_when_it_is_discarded() {
    let mut bed = Bed::new("x");
    let mut sink = bed.open(Existing::Refuse).unwrap();
    write(&mut sink, 0..25);
    assert_eq!(sink.commit().unwrap().records, 25);
    assert_eq!(bed.files(), ["x.spool"]);
    let position = sink.finish().unwrap();
    assert_eq!((position.parts, position.records), (0, 25));
    assert_eq!(bed.files(), [format!("x {}", text(0..25)), "x.spool".into()]);
    discard(&bed.spec).unwrap();
    assert_eq!(bed.files(), [format!("x {}", text(0..25))]);
}

#[test]
fn parts_are_closed_when_they_are_full_and_their_spools_go_two_commits_later() {
    let mut bed = Bed::new("x-{part}.y");
    let mut sink = bed.open(Existing::Refuse).unwrap();
    write(&mut sink, 0..10);
    assert_eq!(sink.commit().unwrap().parts, 0);
    write(&mut sink, 10..11);
    let first = format!("x-0001.y {}", text(0..10));
    assert_eq!(bed.files(), [&*first, "x-0001.y.spool", "x-0002.y.spool"]);
    let position = sink.commit().unwrap();
    assert_eq!((position.parts, position.records), (1, 11));
    // Only now is it certain that the position of the last commit is known.
    assert_eq!(bed.files(), [&*first, "x-0001.y.spool", "x-0002.y.spool"]);
    sink.commit().unwrap();
    assert_eq!(bed.files(), [&*first, "x-0002.y.spool"]);
    write(&mut sink, 11..25);
    assert_eq!(sink.finish().unwrap().records, 25);
    discard(&bed.spec).unwrap();
    let (second, third) = (text(10..20), text(20..25));
    assert_eq!(bed.files(), [first, format!("x-0002.y {second}"), format!("x-0003.y {third}")]);
}

#[test]
fn no_records_make_a_file_too() {
    for (name, file) in [("x", "x"), ("x-{part}", "x-0001")] {
        let mut bed = Bed::new(name);
        bed.open(Existing::Refuse).unwrap().finish().unwrap();
        discard(&bed.spec).unwrap();
        assert_eq!(bed.files(), [file]);
    }
}

/// A process that is killed loses what it had not committed, and nothing else: whichever position
/// was the last that the journal came to know.
#[test]
fn a_killed_output_goes_on_behind_any_position_it_reported() {
    for name in ["x", "x-{part}"] {
        for committed in [0, 1, 9, 10, 11, 20, 34] {
            for lost in [0, 1, 9, 12] {
                let mut bed = Bed::new(name);
                let mut sink = bed.open(Existing::Refuse).unwrap();
                let mut position = sink.commit().unwrap();
                for n in 0..committed {
                    write(&mut sink, n..n + 1);
                    position = sink.commit().unwrap();
                }
                // Written, perhaps committed, and never heard of.
                write(&mut sink, committed..committed + lost);
                if lost == 9 {
                    sink.commit().unwrap();
                }
                drop(sink);
                let mut sink = bed.open(Existing::Resume(position)).unwrap();
                write(&mut sink, committed..35);
                assert_eq!(sink.finish().unwrap().records, 35);
                discard(&bed.spec).unwrap();
                let expected = match name {
                    "x" => vec![format!("x {}", text(0..35))],
                    _ => (0..4)
                        .map(|part| {
                            let numbers = part * 10..(part * 10 + 10).min(35);
                            format!("x-{:04} {}", part + 1, text(numbers))
                        })
                        .collect(),
                };
                assert_eq!(bed.files(), expected, "{name}: {committed} committed, {lost} lost");
            }
        }
    }
}

#[test]
fn a_run_that_was_interrupted_has_its_file_and_can_go_on() {
    for name in ["x", "x-{part}"] {
        let mut bed = Bed::new(name);
        let mut sink = bed.open(Existing::Refuse).unwrap();
        write(&mut sink, 0..17);
        let position = sink.finish().unwrap();
        // What a run is told to finish early is not discarded; a build that was killed leaves this.
        let file = if name == "x" { "x.tmp" } else { "x-0002.tmp" };
        fs::write(bed.dir.path().join(file), "half a fi").unwrap();
        let mut sink = bed.open(Existing::Resume(position)).unwrap();
        write(&mut sink, 17..18);
        sink.finish().unwrap();
        discard(&bed.spec).unwrap();
        let files = bed.files().join(" ");
        let expected = match name {
            "x" => format!("x {}", text(0..18)),
            _ => format!("x-0001 {} x-0002 {}", text(0..10), text(10..18)),
        };
        assert_eq!(files, expected);
    }
}

#[test]
fn what_cannot_be_built_leaves_the_spool_and_the_file_as_it_was() {
    let mut bed = Bed::new("x");
    fs::write(bed.dir.path().join("x"), "old").unwrap();
    let mut sink = bed.open(Existing::Overwrite).unwrap();
    write(&mut sink, 0..3);
    let position = sink.commit().unwrap();
    bed.fails.store(true, Ordering::Relaxed);
    let error = sink.finish().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Unbuilt);
    assert!(error.to_string().contains("cannot build"), "{error}");
    assert_eq!(bed.files(), ["x old", "x.spool"]);
    bed.fails.store(false, Ordering::Relaxed);
    bed.open(Existing::Resume(position)).unwrap().finish().unwrap();
    discard(&bed.spec).unwrap();
    assert_eq!(bed.files(), [format!("x {}", text(0..3))]);
}

/// A part that cannot be built is tried again at the next record; none is lost or doubled.
#[test]
fn a_part_that_cannot_be_built_is_tried_again() {
    let mut bed = Bed::new("x-{part}");
    let mut sink = bed.open(Existing::Refuse).unwrap();
    write(&mut sink, 0..10);
    bed.fails.store(true, Ordering::Relaxed);
    let next = Record::new(10, Outcome::Ok);
    assert_eq!(sink.write(&next).unwrap_err().kind, SinkErrorKind::Unbuilt);
    assert_eq!(sink.write(&next).unwrap_err().kind, SinkErrorKind::Unbuilt);
    bed.fails.store(false, Ordering::Relaxed);
    sink.write(&next).unwrap();
    assert_eq!(sink.finish().unwrap().records, 11);
    discard(&bed.spec).unwrap();
    assert_eq!(bed.files(), [format!("x-0001 {}", text(0..10)), "x-0002 10".into()]);
}

#[test]
fn a_spool_that_somebody_changed_is_not_built_of() {
    // Bytes overwritten, a record removed, an end cut off.
    let damages: [fn(&str) -> String; 3] = [
        |lines| lines.replace("\"n\":1,", "\"n\":x,"),
        |lines| lines.split_inclusive('\n').skip(1).collect(),
        |lines| lines[..lines.len() - 5].to_owned(),
    ];
    for damage in damages {
        let mut bed = Bed::new("x");
        let mut sink = bed.open(Existing::Refuse).unwrap();
        write(&mut sink, 0..3);
        sink.commit().unwrap();
        let spool = bed.dir.path().join("x.spool");
        let damaged = damage(&fs::read_to_string(&spool).unwrap());
        fs::write(&spool, damaged).unwrap();
        assert_eq!(sink.finish().unwrap_err().kind, SinkErrorKind::Unbuilt);
        assert_eq!(bed.files(), ["x.spool"]);
    }
}

#[test]
fn what_is_there_is_refused_or_replaced() {
    let files = ["x-0001", "x-0002", "x-0007.spool", "x-0003.tmp", "x-12", "x-0001.txt"];
    for (name, there) in [("x", "x"), ("x", "x.spool"), ("x-{part}", "x-0002")] {
        let mut bed = Bed::new(name);
        fs::write(bed.dir.path().join(there), "old").unwrap();
        assert_eq!(bed.open(Existing::Refuse).map(drop).unwrap_err().kind, SinkErrorKind::Exists);
    }
    let mut bed = Bed::new("x-{part}");
    files.iter().for_each(|file| fs::write(bed.dir.path().join(file), "old").unwrap());
    let mut sink = bed.open(Existing::Overwrite).unwrap();
    // Until there is something better, the first part stays as it was.
    assert_eq!(bed.files(), ["x-0001 old", "x-0001.spool", "x-0001.txt old", "x-12 old"]);
    write(&mut sink, 0..1);
    sink.finish().unwrap();
    discard(&bed.spec).unwrap();
    assert_eq!(bed.files(), ["x-0001 0", "x-0001.txt old", "x-12 old"]);
    let mut bed = Bed::new("x");
    let _first = bed.open(Existing::Refuse).unwrap();
    assert_eq!(bed.open(Existing::Overwrite).map(drop).unwrap_err().kind, SinkErrorKind::Busy);
    bed.spec.target = OutputTarget::Stdout;
    assert_eq!(bed.open(Existing::Refuse).map(drop).unwrap_err().kind, SinkErrorKind::NotAFile);
    bed.spec.target = OutputTarget::File("/dev/null".into());
    assert_eq!(bed.open(Existing::Overwrite).map(drop).unwrap_err().kind, SinkErrorKind::NotAFile);
}
