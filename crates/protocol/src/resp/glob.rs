//! Patterns of keys, as `KEYS` and `SCAN` have them.

/// Whether `text` matches `pattern`, byte by byte.
///
/// `*` is any number of bytes, `?` one byte, `[abc]` one of these, `[^abc]` none of these, `[a-z]`
/// a range; a backslash takes away the meaning of the next byte. A bracket that is not closed ends
/// with the pattern. Takes at most as many steps as the product of both lengths.
pub fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, text);
    // Where to go on if what follows the last star does not match here: it matches one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (rest, left) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, left));
                Some((after, left))
            }
            ([], []) => return true,
            (_, [byte, others @ ..]) => match_one(rest, *byte).map(|after| (after, others)),
            (_, []) => None,
        };
        if let Some(next) = step {
            (rest, left) = next;
            continue;
        }
        let Some((after, [_, others @ ..])) = retry else { return false };
        retry = Some((after, others));
        (rest, left) = (after, others);
    }
}

/// What follows the first element of the pattern, if that matches the byte. It is no star.
fn match_one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', set @ ..] => match_set(set, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
    }
}

/// What follows a set, if it has the byte. `set` begins behind the bracket.
fn match_set(set: &[u8], byte: u8) -> Option<&[u8]> {
    let (mut rest, is_inverse) = match set {
        [b'^', rest @ ..] => (rest, true),
        _ => (set, false),
    };
    let mut is_in = false;
    loop {
        rest = match rest {
            [b'\\', literal, after @ ..] => {
                is_in |= *literal == byte;
                after
            }
            [b']', after @ ..] => return (is_in != is_inverse).then_some(after),
            [from, b'-', to, after @ ..] => {
                is_in |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [literal, after @ ..] => {
                is_in |= *literal == byte;
                after
            }
            [] => return (is_in != is_inverse).then_some(&[]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, text: &str, expected: bool| {
            let found = matches_glob(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern:?} {text:?}");
        };
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*b*", "abc"),
            ("***", "x"),
            ("?", "x"),
            ("h?llo", "hello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-c]llo", "hbllo"),
            ("h[c-a]llo", "hbllo"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            (r"a\", r"a\"),
            ("[a", "a"),
            ("[^a", "b"),
            ("a*a*b", "aXaYaZb"),
            ("[a-", "-"),
            ("[]a", "a"),
        ] {
            check(pattern, text, pattern != "[]a");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a*c", "abd"),
            ("h[^e]llo", "hello"),
            (r"\*", "x"),
            ("[a", "b"),
            ("[]", "]"),
            ("[^a", "a"),
        ] {
            check(pattern, text, false);
        }
    }

    /// Many stars over a text that does not match: no exponential search.
    #[test]
    fn many_stars() {
        let pattern = "a*".repeat(50) + "b";
        let text = "a".repeat(10_000);
        assert!(!matches_glob(pattern.as_bytes(), text.as_bytes()));
    }
}
