//! Which URLs belong to a crawl.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::Glob;

/// How far from its start URLs a crawl goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Below the directories of the start URLs.
    Path,
    /// The hosts of the start URLs, whatever the port and whether http or https.
    #[default]
    Host,
    /// Their registrable domains: `shop.example.co.uk` reaches `www.example.co.uk`.
    Domain,
    /// Anywhere.
    Anywhere,
}

/// Why a URL does not belong to a crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Neither http nor https.
    Scheme,
    /// Longer than the limit.
    TooLong,
    /// Beyond the reach.
    Reach,
    /// No pattern includes it.
    NotIncluded,
    /// A pattern excludes it.
    Excluded,
}

/// The URLs that belong to a crawl.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    reach: Reach,
    /// Hosts, domains or directories, by `reach`.
    starts: BTreeSet<Box<str>>,
    include: Vec<Glob>,
    exclude: Vec<Glob>,
    url_bytes_max: usize,
}

impl Scope {
    /// What is within `reach` of the start URLs, matches one of `include` (if there are any) and
    /// none of `exclude`, and is no longer than `url_bytes_max`.
    pub fn new<'a>(
        starts: impl IntoIterator<Item = &'a Url>,
        reach: Reach,
        include: Vec<Glob>,
        exclude: Vec<Glob>,
        url_bytes_max: usize,
    ) -> Self {
        let mut scope = Self { reach, starts: BTreeSet::new(), include, exclude, url_bytes_max };
        starts.into_iter().for_each(|url| scope.start_at(url));
        scope
    }

    /// One more start URL. It takes memory for each host, domain or directory, by the reach.
    pub fn start_at(&mut self, url: &Url) {
        self.starts.extend(match self.reach {
            Reach::Path => directory(url).map(|(host, path)| format!("{host}{path}").into()),
            Reach::Host => url.host_str().map(Box::from),
            Reach::Domain => registrable_domain(url).map(Box::from),
            Reach::Anywhere => None,
        });
    }

    /// Whether a URL belongs to the crawl, and why not.
    ///
    /// # Errors
    /// The first reason that applies.
    pub fn admits(&self, url: &Url) -> Result<(), Outside> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Outside::Scheme);
        }
        if url.as_str().len() > self.url_bytes_max {
            return Err(Outside::TooLong);
        }
        if !self.reaches(url) {
            return Err(Outside::Reach);
        }
        let text = url.as_str();
        if !self.include.is_empty() && !self.include.iter().any(|glob| glob.matches(text)) {
            return Err(Outside::NotIncluded);
        }
        match self.exclude.iter().any(|glob| glob.matches(text)) {
            true => Err(Outside::Excluded),
            false => Ok(()),
        }
    }

    fn reaches(&self, url: &Url) -> bool {
        match self.reach {
            Reach::Anywhere => true,
            Reach::Host => url.host_str().is_some_and(|host| self.starts.contains(host)),
            Reach::Domain => {
                registrable_domain(url).is_some_and(|domain| self.starts.contains(domain))
            }
            Reach::Path => {
                let Some((host, path)) = url.host_str().map(|host| (host, url.path())) else {
                    return false;
                };
                // Each directory above the path may be one of the starts.
                path.match_indices('/')
                    .any(|(at, _)| self.starts.contains(format!("{host}{}", &path[..=at]).as_str()))
            }
        }
    }
}

/// The host of a URL, and its path up to the last `/`.
fn directory(url: &Url) -> Option<(&str, &str)> {
    let path = url.path();
    let end = path.rfind('/').map_or(path.len(), |at| at + 1);
    Some((url.host_str()?, &path[..end]))
}

/// The domain that can be registered (Public Suffix List); the host itself where it is an address,
/// a single label or a public suffix.
pub fn registrable_domain(url: &Url) -> Option<&str> {
    let host = url.host_str()?;
    match url.host()? {
        Host::Domain(name) => Some(psl::domain_str(name).map_or(host, |domain| {
            // A part of the host's own text.
            &host[host.trim_end_matches('.').len() - domain.trim_end_matches('.').len()..]
        })),
        Host::Ipv4(_) | Host::Ipv6(_) => Some(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(starts: &[&str], reach: Reach, cases: &[(&str, Result<(), Outside>)]) {
        let starts: Vec<Url> = starts.iter().map(|url| Url::parse(url).expect(url)).collect();
        let (include, exclude) = (Vec::new(), Vec::new());
        let scope = Scope::new(&starts, reach, include, exclude, 100);
        for (url, expected) in cases {
            assert_eq!(scope.admits(&Url::parse(url).expect(url)), *expected, "{reach:?} {url}");
        }
    }

    #[test]
    fn reaches() {
        let (ok, out) = (Ok(()), Err(Outside::Reach));
        let starts =
            ["https://shop.example.co.uk/a/b?x", "http://10.0.0.1:8080/", "http://intranet/"];
        check(
            &starts,
            Reach::Host,
            &[
                ("https://shop.example.co.uk/z", ok),
                ("http://shop.example.co.uk:81/", ok),
                ("https://www.example.co.uk/", out),
                ("http://10.0.0.1/", ok),
                ("ftp://shop.example.co.uk/", Err(Outside::Scheme)),
                ("mailto:a@shop.example.co.uk", Err(Outside::Scheme)),
            ],
        );
        check(
            &starts,
            Reach::Domain,
            &[
                ("https://www.example.co.uk/", ok),
                ("https://example.co.uk/", ok),
                ("https://other.co.uk/", out),
                ("https://badexample.co.uk/", out),
                ("http://10.0.0.1/", ok),
                ("http://10.0.0.2/", out),
                ("http://intranet/x", ok),
                ("http://a.intranet/x", out),
            ],
        );
        check(
            &starts,
            Reach::Path,
            &[
                ("https://shop.example.co.uk/a/c/d", ok),
                ("https://shop.example.co.uk/a/", ok),
                ("https://shop.example.co.uk/a", out),
                ("https://shop.example.co.uk/ab/c", out),
                ("https://shop.example.co.uk/b/a/", out),
                ("http://10.0.0.1/any", ok),
            ],
        );
        let long = format!("https://a.example/{}", "x".repeat(100));
        check(
            &starts,
            Reach::Anywhere,
            &[
                ("https://other.example/", ok),
                ("data:text/html,x", Err(Outside::Scheme)),
                (&long, Err(Outside::TooLong)),
            ],
        );
    }

    #[test]
    fn patterns_narrow_it() {
        let include = vec![Glob::new("/blog/"), Glob::new("*.pdf")];
        let scope = Scope::new([], Reach::Anywhere, include, vec![Glob::new("/blog/old/")], 100);
        for (url, expected) in [
            ("http://a/blog/x", Ok(())),
            ("http://a/x.pdf", Ok(())),
            ("http://a/x", Err(Outside::NotIncluded)),
            ("http://a/blog/old/x", Err(Outside::Excluded)),
        ] {
            assert_eq!(scope.admits(&Url::parse(url).expect(url)), expected, "{url}");
        }
    }

    #[test]
    fn registrable_domains() {
        for (url, expected) in [
            ("http://www.example.com/", "example.com"),
            ("http://a.b.example.co.uk/", "example.co.uk"),
            ("http://example.com/", "example.com"),
            ("http://example.com./", "example.com."),
            ("http://user.github.io/", "user.github.io"),
            ("http://com/", "com"),
            ("http://localhost/", "localhost"),
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://[::1]/", "[::1]"),
        ] {
            let url = Url::parse(url).expect(url);
            assert_eq!(registrable_domain(&url), Some(expected), "{url}");
        }
    }
}
