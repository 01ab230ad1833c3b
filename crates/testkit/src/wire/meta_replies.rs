//! Meta reply lines in a form in which two servers can be compared.
//!
//! Numbers that depend on the server or on the second are replaced. Cas uniques (`c`, `cas=`)
//! become their order of appearance. The ttl (`t`, `exp=`) is rounded up to tens, a long one to
//! thousands, one of months to days; one that wrapped round becomes `t-dead`. Idle seconds (`l`,
//! `la=`) under ten become 0. Slab class and size of `me` are dropped.

/// Statuses at the start of a meta reply line.
const STATUSES: [&[u8]; 7] = [b"HD", b"VA", b"EN", b"NF", b"NS", b"EX", b"ME"];

/// Bytes of the value after this line, if it is a `VA` line.
pub(crate) fn value_bytes(line: &[u8]) -> Option<usize> {
    let words = line.strip_prefix(b"VA ")?;
    let digits = words.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&words[..digits]).ok()?.parse().ok()
}

/// The comparable form of a line with its end, or `None` if it is not a meta reply. `order` numbers
/// the cas uniques.
pub(crate) fn form(line: &[u8], mut order: impl FnMut(&[u8]) -> usize) -> Option<Vec<u8>> {
    let text = line.strip_suffix(b"\r\n")?;
    let mut words = text.split(|&byte| byte == b' ');
    let status = words.next().filter(|status| STATUSES.contains(status))?;
    let mut form = status.to_vec();
    for (place, word) in words.enumerate() {
        form.push(b' ');
        let is_plain = place == 0 && (status == b"VA" || status == b"ME");
        let name_bytes = if status == b"ME" {
            word.iter().position(|&byte| byte == b'=').map_or(0, |at| at + 1)
        } else {
            1
        };
        let (name, value) = word.split_at(name_bytes.min(word.len()));
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        match (name, number) {
            _ if is_plain => form.extend_from_slice(word),
            (b"c" | b"cas=", Some(1..)) => {
                form.extend_from_slice(format!("cas#{}", order(value)).as_bytes());
            }
            (b"t" | b"exp=", Some(4_000_000_000..)) => {
                form.extend_from_slice(&[name, b"-dead"].concat());
            }
            (b"t" | b"exp=", Some(seconds)) => {
                let unit = match seconds {
                    ..=1_000 => 10,
                    1_001..=10_000_000 => 1_000,
                    _ => 86_400,
                };
                let rounded = seconds.next_multiple_of(unit).to_string();
                form.extend_from_slice(&[name, rounded.as_bytes()].concat());
            }
            (b"l" | b"la=", Some(0..10)) => form.extend_from_slice(&[name, b"0"].concat()),
            (b"cls=" | b"size=", Some(_)) => form.extend_from_slice(name),
            _ => form.extend_from_slice(word),
        }
    }
    form.extend_from_slice(b"\r\n");
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let got = form(format!("{line}\r\n").as_bytes(), |_| 7).expect("a meta reply");
        assert_eq!(String::from_utf8_lossy(&got), format!("{expected}\r\n"));
    }

    #[test]
    fn what_depends_on_the_server_goes() {
        check("HD", "HD");
        check("VA 12 c5 t99 kc5 Oc5 l3 h1 s12 W", "VA 12 cas#7 t100 kc5 Oc5 l0 h1 s12 W");
        check("HD c0 t-1 t4294967290 Z X", "HD c0 t-1 t-dead Z X");
        check(
            "ME la=5 exp=99 la=2 cas=9 fetch=no cls=1 size=61",
            "ME la=5 exp=100 la=0 cas#7 fetch=no cls= size=",
        );
        assert_eq!(form(b"STORED\r\n", |_| 0), None);
        assert_eq!(value_bytes(b"VA 12 c5\r\n"), Some(12));
        assert_eq!(value_bytes(b"VALUE a 0 1\r\n"), None);
    }
}
