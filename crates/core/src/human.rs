//! Numbers and texts as people read them.

use std::fmt::Write;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `850 µs`, `12.3 ms`, `3.01 s`, `2 min 5 s`, `1 h 3 min`: three figures are enough.
pub fn seconds(seconds: f64) -> String {
    let s = seconds.max(0.0);
    match s {
        _ if s < 60.0 && s.fract() == 0.0 => format!("{s} s"),
        _ if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        _ if s < 0.9995 => format!("{} ms", figures(s * 1e3)),
        _ if s < 99.95 => format!("{} s", figures(s)),
        _ if s < 3_600.0 => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
        _ if s < 86_400.0 => format!("{} h {} min", s as u64 / 3_600, s as u64 / 60 % 60),
        _ => format!("{} d {} h", s as u64 / 86_400, s as u64 / 3_600 % 24),
    }
}

/// `512 B`, `1.5 KB`, `64.0 MB`: K is 1024.
pub fn bytes(bytes: u64) -> String {
    const UNITS: &[&str] = &["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in UNITS {
        value /= 1024.0;
        unit = next;
        if value < 999.5 {
            break;
        }
    }
    format!("{} {unit}", figures(value))
}

/// Three figures: `1.23`, `12.3`, `123`.
pub fn figures(number: f64) -> String {
    match number.abs() {
        n if n < 9.995 => format!("{number:.2}"),
        n if n < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// `1 target`, `2 targets`.
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

/// Text from outside, with what could move a cursor or turn the writing direction escaped.
pub fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let is_bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || is_bidi {
            write!(plain, "{}", c.escape_unicode()).expect("a string takes everything");
        } else {
            plain.push(c);
        }
    }
    plain
}

/// [`printable`] line by line.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// At most `width` characters, the rest cut with an ellipsis.
pub fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// At most `bytes_max` bytes of it, whole characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_whole_characters() {
        for (bytes_max, expected) in [(0, ""), (1, "a"), (2, "a"), (3, "aé"), (9, "aé")] {
            assert_eq!(cut("aé", bytes_max), expected, "{bytes_max}");
        }
    }

    #[test]
    fn numbers_read_well() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), expected);
        }
        for (s, expected) in [
            (0.0, "0 s"),
            (30.0, "30 s"),
            (0.000_85, "850 µs"),
            (0.0123, "12.3 ms"),
            (0.9997, "1.00 s"),
            (3.014, "3.01 s"),
            (99.96, "1 min 39 s"),
            (125.4, "2 min 5 s"),
            (3_780.0, "1 h 3 min"),
            (90_000.0, "1 d 1 h"),
            (-1.0, "0 s"),
        ] {
            assert_eq!(seconds(s), expected, "{s}");
        }
        for (size, expected) in
            [(512, "512 B"), (1536, "1.50 KB"), (64 << 20, "64.0 MB"), (1_048_000, "1.00 MB")]
        {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }

    #[test]
    fn what_comes_from_outside_cannot_command_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\r\n\u{202e}c é"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{202e}c é");
        assert_eq!(clipped("abcdef", 4), "abc…");
        assert_eq!(clipped("abcd", 4), "abcd");
    }
}
