//! Clean-up steps.

/// White space as HTML and CSS have it: tab, line feed, form feed, carriage return, blank.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0C' | '\r' | ' ')
}
