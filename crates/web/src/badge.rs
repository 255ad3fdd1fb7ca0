//! Badges: a name and a word, as small drawings for other pages.

use askama::Template;

use crate::shown::Shown;

/// A badge, 20 units high.
#[derive(Template)]
#[template(path = "badge.svg", whitespace = "minimize")]
struct Badge<'a> {
    label: &'a str,
    value: &'a str,
    colour: &'static str,
    label_width: usize,
    value_width: usize,
}

/// Characters of either side.
const CHARS_MAX: usize = 60;

/// A drawing with a name on the left and a value on the right.
pub(crate) fn badge(label: &str, value: &str, shown: Shown) -> String {
    let (label, value) =
        (crate::say::clipped(label, CHARS_MAX), crate::say::clipped(value, CHARS_MAX));
    let (label_width, value_width) = (width(&label), width(&value));
    let badge =
        Badge { label: &label, value: &value, colour: shown.colour(), label_width, value_width };
    badge.render().expect("a string takes everything")
}

/// About how wide it is, with its margins; the drawing then makes the text exactly so wide.
fn width(text: &str) -> usize {
    let tenths = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '|' | 'I' => 33,
        'f' | 't' | 'r' | ' ' | '-' | '(' | ')' => 44,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 100,
        'A'..='Z' => 76,
        c if c.is_ascii() => 66,
        _ => 90,
    };
    text.chars().map(tenths).sum::<usize>() / 10 + 12
}

/// What an uptime is shown as: the colour of the worst that it can still mean.
pub(crate) fn of_uptime(uptime: Option<f64>) -> Shown {
    match uptime {
        None => Shown::NoData,
        Some(share) if share >= 0.999 => Shown::Up,
        Some(share) if share >= 0.99 => Shown::Degraded,
        Some(_) => Shown::Down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_markup() {
        let svg = badge("</text><script>alert(1)</script>", "up & \"well\"", Shown::Up);
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("#60;script"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 2);
    }

    #[test]
    fn an_uptime_has_its_colour() {
        for (uptime, expected) in [
            (None, Shown::NoData),
            (Some(1.0), Shown::Up),
            (Some(0.9989), Shown::Degraded),
            (Some(0.5), Shown::Down),
        ] {
            assert_eq!(of_uptime(uptime), expected, "{uptime:?}");
        }
    }
}
