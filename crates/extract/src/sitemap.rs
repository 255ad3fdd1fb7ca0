//! Sitemaps (sitemaps.org): what a site says its pages are, read as a stream and never to excess.
//!
//! XML without entities of its own and without a DTD, plain text with a URL a line, both also
//! gzipped. What was read before a sitemap turns out to be broken counts.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// How much of a sitemap is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SitemapLimits {
    /// URLs, of pages and of sitemaps together.
    pub entries_max: usize,
    /// Bytes after decompression.
    pub bytes_max: u64,
}

impl Default for SitemapLimits {
    /// What the protocol allows: 50,000 URLs and 50 MiB.
    fn default() -> Self {
        Self { entries_max: 50_000, bytes_max: 50 << 20 }
    }
}

/// Elements within each other; deeper ones are no sitemap.
const DEPTH_MAX: usize = 32;
/// Bytes of one tag or text: no URL is longer.
const EVENT_BYTES_MAX: usize = 64 << 10;
/// Bytes of a URL; longer ones are passed over.
const URL_BYTES_MAX: usize = 8 << 10;

/// What a sitemap lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SitemapEntry {
    /// A page.
    Page {
        /// Its URL as written, spaces around it removed.
        url: Box<str>,
        /// When it last changed, as written.
        last_modified: Option<Box<str>>,
    },
    /// Another sitemap, listed in an index.
    Sitemap {
        /// Its URL as written, spaces around it removed.
        url: Box<str>,
    },
}

/// How the reading of a sitemap ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SitemapEnd {
    /// With its last byte.
    Whole,
    /// At a limit.
    Limit(SitemapLimit),
    /// It is no sitemap from here on; the reason is for people.
    Broken(Box<str>),
}

/// The limit a sitemap was cut at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SitemapLimit {
    /// [`SitemapLimits::entries_max`].
    Entries,
    /// [`SitemapLimits::bytes_max`].
    Bytes,
    /// 32 elements within each other.
    Depth,
    /// 64 KiB of one tag or text.
    Event,
}

impl fmt::Display for SitemapLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entries => "it has too many URLs",
            Self::Bytes => "it is too large",
            Self::Depth => "its elements are nested too deeply",
            Self::Event => "a tag or text in it is too long",
        })
    }
}

/// Reads a sitemap, and hands over its entries as they come.
pub fn read_sitemap(
    body: &[u8],
    limits: SitemapLimits,
    on_entry: impl FnMut(SitemapEntry),
) -> SitemapEnd {
    let source: Box<dyn BufRead + '_> = match body.starts_with(b"\x1f\x8b") {
        true => Box::new(BufReader::new(MultiGzDecoder::new(body))),
        false => Box::new(body),
    };
    let meter = Rc::new(Meter { left: Cell::new(limits.bytes_max), event: Cell::new(0) });
    let mut source = Metered { source, meter: Rc::clone(&meter) };
    let mut into = Entries { limits, count: 0, on_entry };
    let read = match is_xml(&mut source) {
        Ok(true) => read_xml(source, &meter, &mut into),
        Ok(false) => read_text(source, &meter, &mut into),
        Err(error) => Err(Stop::of_io(&error)),
    };
    match read {
        Ok(()) => SitemapEnd::Whole,
        Err(Stop::Limit(limit)) => SitemapEnd::Limit(limit),
        Err(Stop::Broken(why)) => SitemapEnd::Broken(why),
    }
}

/// Why reading stopped before the end.
enum Stop {
    Limit(SitemapLimit),
    Broken(Box<str>),
}

impl Stop {
    fn broken(why: impl Into<Box<str>>) -> Self {
        Self::Broken(why.into())
    }

    fn of_io(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()) {
            Some(OverLimit(limit)) => Self::Limit(*limit),
            None => Self::broken(error.to_string()),
        }
    }
}

/// Where entries go, and how many went.
struct Entries<F> {
    limits: SitemapLimits,
    count: usize,
    on_entry: F,
}

impl<F: FnMut(SitemapEntry)> Entries<F> {
    fn push(&mut self, entry: SitemapEntry) -> Result<(), Stop> {
        if self.count >= self.limits.entries_max {
            return Err(Stop::Limit(SitemapLimit::Entries));
        }
        self.count += 1;
        (self.on_entry)(entry);
        Ok(())
    }
}

/// Whether the first character that is not blank begins a tag; it is left to be read. A byte order
/// mark is taken away.
fn is_xml(source: &mut impl BufRead) -> io::Result<bool> {
    let mut mark = [0xEF, 0xBB, 0xBF].into_iter().peekable();
    loop {
        let bytes = source.fill_buf()?;
        let Some(&first) = bytes.first() else { return Ok(false) };
        if mark.next_if_eq(&first).is_none() && !first.is_ascii_whitespace() {
            return Ok(first == b'<');
        }
        source.consume(1);
    }
}

/// What the text at hand belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Url,
    LastModified,
}

/// The entry at hand.
#[derive(Default)]
struct Entry {
    is_sitemap: bool,
    url: String,
    last_modified: String,
}

fn read_xml<F: FnMut(SitemapEntry)>(
    source: impl BufRead,
    meter: &Meter,
    into: &mut Entries<F>,
) -> Result<(), Stop> {
    let mut reader = Reader::from_reader(source);
    let (mut buffer, mut depth) = (Vec::new(), 0_usize);
    let (mut entry, mut field) = (None::<Entry>, None::<Field>);
    loop {
        meter.event.set(0);
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|error| stop_of(&error))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Stop::Limit(SitemapLimit::Depth));
                }
                // `image:loc` and its like stand one deeper, within an element of their own.
                match (depth, tag.local_name().as_ref()) {
                    (2, name @ ("url" | "sitemap")) => {
                        entry = Some(Entry { is_sitemap: name == "sitemap", ..Entry::default() });
                    }
                    (3, "loc") => field = Some(Field::Url),
                    (3, "lastmod") => field = Some(Field::LastModified),
                    _ => field = None,
                }
            }
            Event::End(_) => {
                if depth == 2
                    && let Some(entry) = entry.take().and_then(Entry::finish)
                {
                    into.push(entry)?;
                }
                depth = depth.saturating_sub(1);
                field = None;
            }
            Event::Text(text) => note(&mut entry, field, &text.xml10_content()),
            Event::CData(text) => note(&mut entry, field, &text.xml10_content()),
            Event::GeneralRef(reference) => match (resolve(&reference), field) {
                (Some(letter), _) => note(&mut entry, field, letter.encode_utf8(&mut [0; 4])),
                (None, Some(_)) => return Err(Stop::broken("it uses entities of its own")),
                (None, None) => {}
            },
            Event::DocType(_) => return Err(Stop::broken("it has a DTD")),
            Event::Eof if depth > 0 => return Err(Stop::broken("it is cut off")),
            Event::Eof => return Ok(()),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn stop_of(error: &quick_xml::Error) -> Stop {
    match error {
        quick_xml::Error::Io(error) => Stop::of_io(error),
        error => Stop::broken(error.to_string()),
    }
}

fn note(entry: &mut Option<Entry>, field: Option<Field>, text: &str) {
    let (Some(entry), Some(field)) = (entry, field) else { return };
    let into = match field {
        Field::Url => &mut entry.url,
        Field::LastModified => &mut entry.last_modified,
    };
    // One byte too many shows that it is too long.
    if into.len() <= URL_BYTES_MAX {
        into.push_str(text);
    }
}

/// The five entities that XML has by itself (section 4.6), and characters by number.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

impl Entry {
    fn finish(self) -> Option<SitemapEntry> {
        let url = self.url.trim();
        if url.is_empty() || url.len() > URL_BYTES_MAX {
            return None;
        }
        let last_modified = self.last_modified.trim();
        Some(match self.is_sitemap {
            true => SitemapEntry::Sitemap { url: url.into() },
            false => SitemapEntry::Page {
                url: url.into(),
                last_modified: (!last_modified.is_empty()).then(|| last_modified.into()),
            },
        })
    }
}

fn read_text<F: FnMut(SitemapEntry)>(
    mut source: impl BufRead,
    meter: &Meter,
    into: &mut Entries<F>,
) -> Result<(), Stop> {
    let mut line = Vec::new();
    loop {
        meter.event.set(0);
        line.clear();
        let bytes = source.read_until(b'\n', &mut line).map_err(|error| Stop::of_io(&error))?;
        if bytes == 0 {
            return Ok(());
        }
        // What is no URL is no entry: a page that says "not found" is no sitemap.
        let url = std::str::from_utf8(&line).unwrap_or_default().trim();
        if (url.starts_with("http://") || url.starts_with("https://")) && url.len() <= URL_BYTES_MAX
        {
            into.push(SitemapEntry::Page { url: url.into(), last_modified: None })?;
        }
    }
}

/// What may still be read.
struct Meter {
    left: Cell<u64>,
    /// Bytes since the last event.
    event: Cell<usize>,
}

/// A source that fails beyond its limits.
struct Metered<R> {
    source: R,
    meter: Rc<Meter>,
}

#[derive(Debug)]
struct OverLimit(SitemapLimit);

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for OverLimit {}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let room = EVENT_BYTES_MAX.saturating_sub(self.meter.event.get());
        let left = usize::try_from(self.meter.left.get()).unwrap_or(usize::MAX);
        let bytes = self.source.fill_buf()?;
        let over = match (left, room) {
            _ if bytes.is_empty() => return Ok(bytes),
            (0, _) => SitemapLimit::Bytes,
            (_, 0) => SitemapLimit::Event,
            _ => return Ok(&bytes[..bytes.len().min(left).min(room)]),
        };
        Err(io::Error::other(OverLimit(over)))
    }

    fn consume(&mut self, bytes: usize) {
        self.meter.left.set(self.meter.left.get().saturating_sub(bytes as u64));
        self.meter.event.set(self.meter.event.get() + bytes);
        self.source.consume(bytes);
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn read(body: &[u8], limits: SitemapLimits) -> (String, SitemapEnd) {
        let mut entries = Vec::new();
        let end = read_sitemap(body, limits, |entry| {
            entries.push(match entry {
                SitemapEntry::Page { url, last_modified: None } => url.into(),
                SitemapEntry::Page { url, last_modified: Some(at) } => format!("{url} at {at}"),
                SitemapEntry::Sitemap { url } => format!("sitemap {url}"),
            });
        });
        (entries.join(", "), end)
    }

    /// What is read of this body, and that it is read to its end.
    fn check(body: &str, expected: &str) {
        let got = read(body.as_bytes(), SitemapLimits::default());
        assert_eq!(got, (expected.to_owned(), SitemapEnd::Whole), "{body}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(body.as_bytes()).expect("memory takes all");
        let gzipped = gzip.finish().expect("memory takes all");
        assert_eq!(read(&gzipped, SitemapLimits::default()), got, "{body}, gzipped");
    }

    #[test]
    fn sitemaps_of_every_kind() {
        check(
            "<?xml version='1.0' encoding='UTF-8'?>\n<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\
             <url><loc> http://a/1?x=1&amp;y=2\n</loc><lastmod>2026-01-02</lastmod></url>\
             <url><priority>1</priority><loc><![CDATA[http://a/2]]></loc></url><url/></urlset>",
            "http://a/1?x=1&y=2 at 2026-01-02, http://a/2",
        );
        check(
            "\u{feff} <s:urlset xmlns:s='x'><s:url><s:loc>http://a/&#x33;</s:loc><image:image>\
             <image:loc>http://a/i.png</image:loc></image:image></s:url></s:urlset>",
            "http://a/3",
        );
        check(
            "<sitemapindex><sitemap><loc>http://a/s1.xml.gz</loc></sitemap><!-- x --><sitemap>\
             <loc>http://a/s2.xml</loc><lastmod/></sitemap></sitemapindex>",
            "sitemap http://a/s1.xml.gz, sitemap http://a/s2.xml",
        );
        check(
            "http://a/1\r\n\n  https://a/2 \nnot a URL\nhttp://a/3",
            "http://a/1, https://a/2, http://a/3",
        );
        check("", "");
        check("<html><body><p>Not found</p></body></html>", "");
        check("<urlset><url><loc></loc></url><loc>http://a/</loc></urlset>", "");
    }

    #[test]
    fn broken_ones_count_as_far_as_they_were_read() {
        let start = "<urlset><url><loc>http://a/1</loc></url>";
        for (rest, why) in [
            ("<url><loc>http://a/2", "it is cut off"),
            ("<url><loc>&own;</loc></url></urlset>", "it uses entities of its own"),
            ("<!DOCTYPE x [<!ENTITY own 'x'>]></urlset>", "it has a DTD"),
        ] {
            let (entries, end) =
                read(format!("{start}{rest}").as_bytes(), SitemapLimits::default());
            assert_eq!(
                (entries.as_str(), end),
                ("http://a/1", SitemapEnd::Broken(why.into())),
                "{rest}"
            );
        }
        let (entries, end) = read(format!("{start}</wrong>").as_bytes(), SitemapLimits::default());
        assert!(entries == "http://a/1" && matches!(end, SitemapEnd::Broken(_)), "{end:?}");
        let (_, end) = read(b"\x1f\x8bnot gzip at all", SitemapLimits::default());
        assert!(matches!(end, SitemapEnd::Broken(_)), "{end:?}");
    }

    #[test]
    fn hostile_ones_are_cut_at_their_limits() {
        let url = "<url><loc>http://a/1</loc></url>";
        let limits = SitemapLimits { entries_max: 3, bytes_max: 1 << 20 };
        let limited = |body: &str| read(body.as_bytes(), limits).1;
        let many = format!("<urlset>{}</urlset>", url.repeat(4));
        assert_eq!(limited(&many), SitemapEnd::Limit(SitemapLimit::Entries));
        assert_eq!(limited(&"http://a/\n".repeat(4)), SitemapEnd::Limit(SitemapLimit::Entries));
        let large = format!("<urlset>{}</urlset>", "<x></x>".repeat(1 << 18));
        assert_eq!(limited(&large), SitemapEnd::Limit(SitemapLimit::Bytes));
        assert_eq!(limited(&"<x>".repeat(100)), SitemapEnd::Limit(SitemapLimit::Depth));
        let long = format!("<urlset><url><loc>{}", "x".repeat(100 << 10));
        assert_eq!(limited(&long), SitemapEnd::Limit(SitemapLimit::Event));
        assert_eq!(limited(&"x".repeat(100 << 10)), SitemapEnd::Limit(SitemapLimit::Event));
        let attribute = format!("<urlset a='{}'>", "x".repeat(100 << 10));
        assert_eq!(limited(&attribute), SitemapEnd::Limit(SitemapLimit::Event));
        // A bomb is unpacked no further than to its limit.
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let filler = "<x></x>".repeat(1 << 10);
        gzip.write_all(b"<urlset>").expect("memory takes all");
        for _ in 0..4096 {
            gzip.write_all(filler.as_bytes()).expect("memory takes all");
        }
        let bomb = gzip.finish().expect("memory takes all");
        assert_eq!(read(&bomb, limits).1, SitemapEnd::Limit(SitemapLimit::Bytes));
        let too_long =
            format!("<urlset><url><loc>http://a/{}</loc></url></urlset>", "x".repeat(9 << 10));
        assert_eq!(read(too_long.as_bytes(), limits), (String::new(), SitemapEnd::Whole));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            text in "[<>/&;!a-c\\[\\]-]{0,60}",
        ) {
            read(&bytes, SitemapLimits::default());
            read(format!("<urlset><url><loc>{text}</loc></url></urlset>").as_bytes(), SitemapLimits::default());
        }
    }
}
