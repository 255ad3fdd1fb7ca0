//! The sink of Parquet files: typed columns, zstd, built of a spool.

mod columns;

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;

use crate::error::SinkError;
use crate::fields::Fields;
use crate::json;
use crate::read::Results;
use crate::sink::{OutputSpec, RunInfo, Sink};
use crate::spool::{Build, BuildError, Spool, Spooled};
use crate::survey::Survey;
use columns::Columns;

/// Records in a part file.
const PART_RECORDS: u64 = 1_000_000;
/// Records in a row group, and bytes held for one: whichever comes first ends it.
const GROUP_RECORDS: usize = 64 * 1024;
const GROUP_BYTES: usize = 32 << 20;
/// Of 1 to 22. A level more costs more than it saves.
const ZSTD_LEVEL: i32 = 3;
/// Bytes gathered before the system is called.
const WRITE_BYTES: usize = 256 * 1024;

/// Keys of the file's metadata.
pub(crate) const KEY_RUN: &str = "gather.run";
pub(crate) const KEY_STARTED: &str = "gather.started_unix_us";
/// The columns whose texts are JSON, as a JSON list.
pub(crate) const KEY_JSON: &str = "gather.json_columns";
const KEY_VERSION: &str = "gather.version";
const KEY_STARTED_AT: &str = "gather.started_at";

/// Opens it.
pub(crate) fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    let build = Box::new(Builder { fields: spec.fields.clone(), run: run.clone() });
    Ok(Box::new(Spooled::open(spec, PART_RECORDS, build)?))
}

struct Builder {
    fields: Fields,
    run: RunInfo,
}

impl Build for Builder {
    fn build(&self, spool: &Spool<'_>, survey: &Survey, file: &File) -> Result<(), BuildError> {
        let mut columns = Columns::new(survey, &self.fields);
        let out = BufWriter::with_capacity(WRITE_BYTES, file);
        let schema = columns.schema().map_err(said)?;
        let properties = self.properties(&columns);
        let mut writer = SerializedFileWriter::new(out, schema, properties).map_err(said)?;
        let mut records = spool.records()?;
        while let Some(record) = records.next()? {
            columns.push(&record);
            if columns.rows() >= GROUP_RECORDS || columns.bytes() >= GROUP_BYTES {
                columns.flush(&mut writer).map_err(said)?;
            }
        }
        if columns.rows() > 0 {
            columns.flush(&mut writer).map_err(said)?;
        }
        let out = writer.into_inner().map_err(said)?;
        out.into_inner().map(drop).map_err(|error| BuildError::Write(error.into_error()))
    }
}

impl Builder {
    fn properties(&self, columns: &Columns) -> WriterPropertiesPtr {
        let version = env!("CARGO_PKG_VERSION");
        let mut started = Vec::new();
        json::date_time(&mut started, (self.run.started_unix_us / 1_000_000).cast_signed());
        started.push(b'Z');
        let json: Vec<&str> = columns.json().collect();
        let json = serde_json::to_string(&json).expect("names are text");
        let about = [
            (KEY_JSON, json),
            (KEY_VERSION, version.to_owned()),
            (KEY_RUN, self.run.id.to_string()),
            (KEY_STARTED, self.run.started_unix_us.to_string()),
            (KEY_STARTED_AT, String::from_utf8_lossy(&started).into_owned()),
        ];
        let about = about.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level zstd has");
        let properties = WriterProperties::builder()
            .set_created_by(format!("gather version {version}"))
            .set_compression(Compression::ZSTD(level))
            .set_key_value_metadata(Some(about.collect()));
        Arc::new(properties.build())
    }
}

/// What the library says, with what the system said to it.
fn said(error: ParquetError) -> BuildError {
    BuildError::Write(match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source.to_string()),
        },
        other => io::Error::other(other.to_string()),
    })
}
