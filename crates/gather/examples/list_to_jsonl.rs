//! Fetches the URLs of a file into JSON lines: `list_to_jsonl urls.txt results.jsonl 50`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use gather::core::config::HostConcurrency;
use gather::source::{Format, InputFile, InputPath};
use gather::store::{self, Fields, OutputSpec, OutputTarget};
use gather::{Run, RunOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: list_to_jsonl INPUT OUTPUT CONCURRENCY");
    let (input, output, concurrency) = (next()?, next()?, next()?);
    let mut options = RunOptions::default();
    options.config.concurrency = concurrency.parse::<NonZeroU32>()?;
    options.config.host_concurrency = HostConcurrency::Share;
    options.source.files =
        vec![InputFile { path: InputPath::File(PathBuf::from(input)), format: Format::List }];
    options.outputs = vec![
        OutputSpec {
            target: OutputTarget::File(output.into()),
            format: store::Format::Jsonl,
            fields: Fields::default(),
            existing: store::Existing::Overwrite,
            durability: store::Durability::System,
        }
        .into(),
    ];
    let summary = Run::start(options)?.wait()?;
    println!("{}", serde_json::to_string_pretty(&summary)?);
    Ok(())
}
