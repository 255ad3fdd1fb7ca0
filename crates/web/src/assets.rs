//! The style sheet, the script and the icon: part of the program, named by what is in them.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

/// A file of our own.
pub(crate) struct Asset {
    /// Its path below the root, without a leading slash.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) content: &'static str,
}

/// All of them. Their names change with their contents, so they may be kept for ever.
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
}

/// Those of this build.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    script: asset(
        "page",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/page.js"),
    ),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
});

impl Assets {
    pub(crate) fn all(&self) -> [&Asset; 3] {
        [&self.style, &self.script, &self.icon]
    }
}

/// Made once, and kept as long as the program.
fn asset(stem: &str, extension: &str, content_type: &'static str, content: &'static str) -> Asset {
    let hash = xxh3_64(content.as_bytes()) >> 32;
    let name = format!("{stem}-{hash:08x}.{extension}");
    Asset { name: name.leak(), content_type, content }
}
