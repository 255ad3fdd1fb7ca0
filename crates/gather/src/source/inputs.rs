//! Opens what a spec names and reads it part after part.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::batch::{Batch, Extras, KeepPlace};
use super::gunzip::Gunzip;
use super::lines::Lines;
use super::list::ListReader;
use super::parse::{Reject, UrlParser};
use super::{InputFile, InputPath, Item, Progress, Source, SourceError, SourceSpec};

/// Opens everything `spec` names: arguments first, then the files in order.
///
/// # Errors
/// What can be told before the first item: nothing to read, a file that cannot be opened, an
/// argument that is a file, a template that cannot be understood, a table without a URL column.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn Source>, SourceError> {
    let mut parts: VecDeque<Box<dyn Reader>> = VecDeque::new();
    if !spec.arguments.is_empty() {
        for argument in &spec.arguments {
            if !argument.contains("://") && Path::new(argument).is_file() {
                return Err(SourceError::ArgumentIsFile { argument: argument.clone() });
            }
        }
        parts.push_back(Box::new(Arguments { arguments: spec.arguments.clone(), next: 0 }));
    }
    for file in &spec.files {
        let name: Arc<str> = name_of(&file.path).into();
        let stream =
            open_file(file).map_err(|error| SourceError::Open { file: name.to_string(), error })?;
        let lines = Lines::new(stream, spec.caps.line_bytes_max as usize);
        parts.push_back(Box::new(ListReader::new(name, lines, spec.default_request.clone())));
    }
    if parts.is_empty() {
        return Err(SourceError::Nothing);
    }
    let keep_place = if parts.len() > 1 { KeepPlace::Yes } else { KeepPlace::No };
    let context = Context {
        urls: UrlParser::new(spec.scheme, &spec.caps),
        line_bytes_max: spec.caps.line_bytes_max,
    };
    Ok(Box::new(Inputs { parts, next: 0, limit: spec.limit, keep_place, context }))
}

/// One part of the inputs: the arguments, or a file.
pub(super) trait Reader: Send {
    /// As [`Source::read`], for this part alone.
    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError>;
}

/// What all parts share.
pub(super) struct Context {
    pub(super) urls: UrlParser,
    line_bytes_max: u32,
}

impl Context {
    pub(super) fn line_too_long(&self) -> Reject {
        Reject::too_long(format!("the line is longer than {} bytes", self.line_bytes_max))
    }
}

struct Inputs {
    parts: VecDeque<Box<dyn Reader>>,
    next: u64,
    limit: Option<u64>,
    keep_place: KeepPlace,
    context: Context,
}

impl Source for Inputs {
    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        let left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.next));
        let max = max.max(1).min(usize::try_from(left).unwrap_or(usize::MAX));
        if max == 0 {
            self.parts.clear();
        }
        let start = into.len();
        while into.len() == start {
            let Some(part) = self.parts.front_mut() else { return Ok(Progress::End) };
            let mut batch = Batch::new(into, &mut self.next, max, self.keep_place);
            if part.read(&mut batch, &mut self.context)? == Progress::End {
                self.parts.pop_front();
            }
        }
        Ok(if self.parts.is_empty() { Progress::End } else { Progress::More })
    }
}

struct Arguments {
    arguments: Vec<String>,
    next: usize,
}

impl Reader for Arguments {
    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        while let Some(argument) = self.arguments.get(self.next) {
            if batch.is_full() {
                return Ok(Progress::More);
            }
            self.next += 1;
            let read =
                context.urls.parse(argument.trim()).map(|parsed| (parsed, Extras::default()));
            batch.push(read, argument.as_bytes(), None, self.next as u64);
        }
        Ok(Progress::End)
    }
}

fn name_of(path: &InputPath) -> String {
    match path {
        InputPath::Stdin => "-".to_owned(),
        InputPath::File(path) => path.display().to_string(),
    }
}

/// The file's bytes, unzipped if they are gzip.
fn open_file(file: &InputFile) -> io::Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> = match &file.path {
        InputPath::Stdin => Box::new(io::stdin()),
        InputPath::File(path) => {
            let opened = File::open(path)?;
            if opened.metadata()?.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Box::new(opened)
        }
    };
    Ok(Box::new(Gunzip::new(raw)))
}
