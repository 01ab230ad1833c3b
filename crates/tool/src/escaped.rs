//! Text of a server or a client that is safe on a terminal.

use crate::limits::SHOWN_CHARACTERS_MAX;

/// The text with control characters, and characters that change the direction or are invisible,
/// as `\u{1b}` or `\u{202e}`. A backslash is doubled, so that the text can be told from an escape.
/// Cut to [`SHOWN_CHARACTERS_MAX`] characters.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == SHOWN_CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        match character {
            '\\' => shown.push_str("\\\\"),
            _ if is_hidden(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Control characters, marks of direction, and characters without width or with one that
/// terminals disagree about.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_unseen() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("user:42", "user:42");
        check("schlüssel", "schlüssel");
        check("\x1b]0;title\x07\x1b[2J", "\\u{1b}]0;title\\u{7}\\u{1b}[2J");
        check("a\r\nb\tc\x7f", "a\\u{d}\\u{a}b\\u{9}c\\u{7f}");
        check("\u{9b}31m", "\\u{9b}31m");
        check("\u{202e}gnp", "\\u{202e}gnp");
        check("a\\x1b", "a\\\\x1b");
        check(&"x".repeat(2000), &format!("{}…", "x".repeat(SHOWN_CHARACTERS_MAX)));
    }
}
