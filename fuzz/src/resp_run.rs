//! Commands of Redis' dialect in a stream that arrives in pieces.

use slabcore_protocol::{
    CommandRequest, RESP_KEY_BYTES_MAX, RespCommand, RespDecoded, RespDecoder, RespError,
    RespLimits, RespRefusal, RespRequest, RespVersion, RespWords, RespWriter, add_decimals,
    inline_words, single_resp_get,
};

/// Longest value of the connection. Longer than the longest key of memcached, as in the server.
const VALUE_BYTES_MAX: usize = 300;

/// What a `GET` begins with.
const COUNT_LINE: &[u8] = b"*2\r\n";

/// The Unix time of all commands, in milliseconds.
const NOW: i64 = 1_800_000_000_000;

/// A part of the stream, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenCommand {
    /// A request, as text.
    Request(usize, String),
    /// An error reply.
    Refused(usize, Vec<u8>),
    /// A command with a word that was too long.
    TooLong(usize),
    /// The connection ends.
    Closed(RespError),
}

/// Decodes `stream` as it arrives at a server: first up to each of `cuts`, then to its end. `cuts`
/// ascend.
pub fn decode_commands(
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    is_logged_in: bool,
) -> Vec<SeenCommand> {
    let limits = RespLimits { word_bytes_max: VALUE_BYTES_MAX, is_logged_in };
    let (mut decoder, mut start, mut seen) = (RespDecoder::new(), 0, Vec::new());
    let mut inline = Vec::new();
    for cut in cuts.into_iter().chain([stream.len()]) {
        loop {
            assert!(start <= stream.len(), "more was consumed than there is");
            let input = &stream[start.min(cut)..cut];
            if let Some((key, consumed)) = decoder.single_get(input)
                && is_logged_in
            {
                let words = RespWords::of_bulks(&input[COUNT_LINE.len()..consumed], 2);
                assert_eq!(words.clone().nth(1), Some(key));
                seen.push(check_command(start, &words));
                start += consumed;
                continue;
            }
            let consumed = match decoder.decode(input, limits) {
                RespDecoded::NeedMore => break,
                RespDecoded::Skip(consumed) => consumed,
                RespDecoded::Command { words, consumed } => {
                    check_single_get(input, &words, consumed);
                    seen.push(check_command(start, &words));
                    consumed
                }
                RespDecoded::Inline { line, consumed } => {
                    match inline_words(line, &mut inline) {
                        Ok(None) => {}
                        Ok(Some(words)) => seen.push(check_command(start, &words)),
                        Err(error) => {
                            seen.push(SeenCommand::Closed(error));
                            return seen;
                        }
                    }
                    consumed
                }
                RespDecoded::TooLong(consumed) => {
                    // Where the rest of it begins depends on the cuts.
                    seen.push(SeenCommand::TooLong(start + consumed));
                    consumed
                }
                RespDecoded::Error(error) => {
                    seen.push(SeenCommand::Closed(error));
                    return seen;
                }
            };
            assert!(consumed > 0 && consumed <= input.len(), "{consumed} bytes are consumed");
            start += consumed;
        }
    }
    seen
}

/// The short way to a `GET` finds what the decoder finds.
fn check_single_get(input: &[u8], words: &RespWords<'_>, consumed: usize) {
    let Some((key, bytes)) = single_resp_get(input) else { return };
    assert_eq!(bytes, consumed);
    let words: Vec<&[u8]> = words.clone().collect();
    assert!(words.len() == 2 && words[0].eq_ignore_ascii_case(b"get") && words[1] == key);
}

fn check_command(start: usize, words: &RespWords<'_>) -> SeenCommand {
    assert!(words.len() > 0);
    assert_eq!(words.clone().count(), words.len(), "each word can be read");
    let kept = RespWords::of_bulks(words.bulks(), words.len());
    assert_eq!(&kept, words);
    let request = RespCommand::find(words).and_then(|command| command.parse(words.clone(), NOW));
    match request {
        Ok(request) => {
            check_request(&request);
            SeenCommand::Request(start, format!("{request:?}"))
        }
        Err(refusal) => SeenCommand::Refused(start, line(&refusal)),
    }
}

fn check_request(request: &RespRequest<'_>) {
    request.each_key(|key| assert!(key.len() <= RESP_KEY_BYTES_MAX));
    let mut out = Vec::new();
    match request {
        RespRequest::Command(request) => {
            let is_get_keys = matches!(request, CommandRequest::GetKeys(_));
            let answer = request.answer(&mut RespWriter::new(&mut out, RespVersion::Three));
            assert!(is_get_keys || answer.is_ok());
        }
        RespRequest::Fixed(reply) => {
            reply.write(&mut RespWriter::new(&mut out, RespVersion::Two));
        }
        RespRequest::Echo(word) => check_decimal(word),
        _ => {}
    }
}

/// A sum is a number, and adding 0 to it does not change it.
fn check_decimal(word: &[u8]) {
    if let Ok(sum) = add_decimals(word, b"1") {
        let again = add_decimals(sum.as_bytes(), b"0").expect("a sum is a number");
        // Its 17 places can be cut, and large numbers are whole.
        assert_eq!(add_decimals(again.as_bytes(), b"0").as_deref(), Ok(again.as_str()));
    }
}

/// An error reply: one line, whatever the client sent.
fn line(refusal: &RespRefusal<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    refusal.encode(&mut out);
    let text = out.strip_suffix(b"\r\n").expect("it is a line");
    assert!(text.starts_with(b"-") && !text.contains(&b'\r') && !text.contains(&b'\n'));
    out
}
