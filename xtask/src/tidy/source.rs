//! Rust source as far as the rules need it: code without comments and strings, tests, functions.

/// A source file with its code told apart from its words.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    /// The lines with comments and the contents of literals blanked.
    pub(super) code: Vec<String>,
    /// Whether a line belongs to tests.
    pub(super) is_test: Vec<bool>,
}

/// A function and the lines it takes, signature included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let code: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        let whole_file =
            ["/tests/", "/benches/", "/examples/"].iter().any(|dir| path.contains(dir))
                || path.ends_with("/tests.rs");
        let mut is_test = vec![whole_file; code.len()];
        let mut at = 0;
        while at < code.len() {
            if code[at].contains("#[cfg(test)]") || code[at].contains("#[cfg(all(test,") {
                let end = block_end(&code, at, 0).unwrap_or(at);
                is_test[at..=end].fill(true);
                at = end;
            }
            at += 1;
        }
        Self { path, text, code, is_test }
    }

    /// Every function with a body, also those within others.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, line) in self.code.iter().enumerate() {
            let Some((column, name)) = function_name(line) else { continue };
            if let Some(end) = block_end(&self.code, at, column) {
                functions.push(Function { name, line: at + 1, lines: end - at + 1 });
            }
        }
        functions
    }
}

/// Where the line declares a function, and its name.
fn function_name(line: &str) -> Option<(usize, String)> {
    let at = line.find("fn ").filter(|at| {
        line[..*at].chars().next_back().is_none_or(|before| before == ' ' || before == '(')
    })?;
    let name: String =
        line[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // Without a name it is the type of a function pointer.
    (!name.is_empty()).then_some((at, name))
}

/// The line on which the item that starts at this place ends; `None` if it has no block.
fn block_end(code: &[String], at: usize, column: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (line, text) in code.iter().enumerate().skip(at) {
        let skipped = if line == at { column } else { 0 };
        for c in text[skipped..].chars() {
            match c {
                '{' => braces += 1,
                '}' => {
                    braces = braces.checked_sub(1)?;
                    if braces == 0 {
                        return Some(line);
                    }
                }
                '(' | '[' => others += 1,
                ')' | ']' => others = others.saturating_sub(1),
                ';' if braces == 0 && others == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

/// Replaces comments and the contents of string and character literals by spaces.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = literal_length(&chars[at..], at.checked_sub(1).map(|before| chars[before]));
        if length == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let piece = &chars[at..at + length];
        out.extend(piece.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at += length;
    }
    out
}

/// How many characters a comment or literal that starts here takes; 0 if none starts.
fn literal_length(rest: &[char], before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => comment_length(rest),
        ['"', ..] => string_length(rest),
        ['r', '"' | '#', ..] if !in_word => raw_length(rest, 1),
        ['b', 'r', '"' | '#', ..] if !in_word => raw_length(rest, 2),
        ['\'', '\\', ..] => {
            // The character after the backslash may be a quote itself.
            rest.iter().skip(3).position(|c| *c == '\'').map_or(rest.len(), |at| at + 4)
        }
        // A character, not a lifetime.
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A raw string whose hashes start at `prefix`; 0 for a raw identifier.
fn raw_length(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return 0;
    }
    let is_end = |at: usize| {
        rest[at] == '"'
            && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let start = prefix + hashes + 1;
    (start..rest.len()).find(|at| is_end(*at)).map_or(rest.len(), |at| at + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"x("todo!()") + y"#, "x(         ) + y"),
            (r#"x("a\"b", 'c', '\'', 'life)"#, "x(      ,    ,     , 'life)"),
            ("r#\"a\"b\"# c", "         c"),
            ("br\"a\" r#type var", "      r#type var"),
        ];
        for (text, want) in cases {
            assert_eq!(blank(text), want, "{text}");
        }
    }

    #[test]
    fn functions_are_measured_and_tests_known() {
        let text = "fn one() {}\n\npub async fn two<T>(\n    x: [u8; 3],\n) -> u8 {\n    3\n}\n\
            type F = fn(u8);\ntrait T { fn bodiless(&self); }\n\
            #[cfg(test)]\nmod tests {\n    fn three() {}\n}\nfn four() {}\n";
        let source = Source::new("src/a.rs", text);
        let found: Vec<_> =
            source.functions().into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        let want = [("one", 1, 1), ("two", 3, 5), ("three", 12, 1), ("four", 14, 1)];
        assert_eq!(found, want.map(|(name, line, lines)| (name.to_owned(), line, lines)));
        let tests: Vec<_> = (1..=14).filter(|line| source.is_test[line - 1]).collect();
        assert_eq!(tests, [10, 11, 12, 13]);
        assert!(Source::new("crates/a/tests/b.rs", text).is_test[0]);
    }
}
