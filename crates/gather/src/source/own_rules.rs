//! Rules that an input has for itself alone: `"extract": {"price": "json:$.price"}`.

use std::sync::Arc;

use super::parse::Reject;
#[cfg(feature = "extract")]
use crate::extracted;

/// Looks whether rules can be used, once for all inputs that have the same.
#[derive(Default)]
pub(super) struct OwnRules {
    #[cfg(feature = "extract")]
    compiled: extracted::OwnRules,
}

impl OwnRules {
    /// The rules as a target carries them.
    ///
    /// # Errors
    /// Rules that cannot be used: a target without them would only seem to be well.
    #[cfg(feature = "extract")]
    pub(super) fn checked(&mut self, text: &str) -> Result<Arc<str>, Reject> {
        let (text, _) = self.compiled.compile(text).map_err(Reject::invalid)?;
        Ok(Arc::clone(text))
    }

    #[cfg(not(feature = "extract"))]
    #[expect(clippy::unused_self, reason = "the same as with the feature")]
    pub(super) fn checked(&mut self, _: &str) -> Result<Arc<str>, Reject> {
        Err(Reject::invalid("extract: this build of gather has no extraction"))
    }
}
