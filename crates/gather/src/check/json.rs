//! What is expected of a JSON answer: the first value that a path finds (RFC 9535).

#[cfg(feature = "extract")]
pub(super) use found::Path;
#[cfg(not(feature = "extract"))]
pub(super) use missing::Path;

#[cfg(feature = "extract")]
mod found {
    use serde_json::Value;
    use serde_json_path::JsonPath;

    /// A path into a JSON text.
    #[derive(Clone, Debug)]
    pub(crate) struct Path(JsonPath);

    impl Path {
        /// Reads a path; the error says where it is wrong.
        pub(crate) fn parse(text: &str) -> Result<Self, String> {
            let path = JsonPath::parse(text);
            path.map(Self).map_err(|error| format!("'{text}' is no JSONPath: {error}"))
        }

        /// The first value it finds: a text as it is, anything else as JSON.
        pub(crate) fn find(&self, body: &[u8]) -> Option<String> {
            let value: Value = serde_json::from_slice(body).ok()?;
            self.0.query(&value).first().map(|found| match found {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }
    }
}

#[cfg(not(feature = "extract"))]
mod missing {
    /// There is none: the feature `extract` brings paths.
    #[derive(Clone, Debug)]
    pub(crate) enum Path {}

    impl Path {
        pub(crate) fn parse(_: &str) -> Result<Self, String> {
            Err("JSON paths are not built in; enable the feature `extract`".to_owned())
        }

        pub(crate) fn find(&self, _: &[u8]) -> Option<String> {
            match *self {}
        }
    }
}
