//! Changes bytes as chance has it: some changes know that bytes are often text, numbers and lengths.

/// Words that mean something to one reader or another.
const WORDS: [&[u8]; 24] = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1e400",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"\\u0000",
    b"\\ud800",
    "\u{202e}".as_bytes(),
    "镇街呼叫".as_bytes(),
    b"\xff\xfe",
    b"9999-12-31T23:59:60Z",
    b"-0001-01-01T00:00:00Z",
    b"\n[[table]]\n",
    b"\0asm",
    b"sha256:",
    b"\xff\xff\xff\xff",
];

/// A changed copy of one of some inputs.
pub fn mutate(inputs: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = inputs[random.usize(..inputs.len())].clone();
    for _ in 0..=random.usize(..4) {
        change(&mut bytes, inputs, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], random: &mut fastrand::Rng) {
    let place = random.usize(..=bytes.len());
    let end = (place + random.usize(..64)).min(bytes.len());
    match random.u8(..10) {
        0 | 1 if place < bytes.len() => bytes[place] ^= 1 << random.u8(..8),
        2 if place < bytes.len() => bytes[place] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\n'][random.usize(..8)],
        3 => drop(bytes.drain(place..end)),
        4 => {
            let again = bytes[place..end].to_vec();
            bytes.splice(place..place, again);
        }
        5 => {
            let word = WORDS[random.usize(..WORDS.len())];
            bytes.splice(place..end.min(place + word.len()), word.iter().copied());
        }
        6 => replace_number(bytes, random),
        7 => bytes.truncate(place),
        8 => {
            let other = &inputs[random.usize(..inputs.len())];
            let from = random.usize(..=other.len());
            let to = (from + random.usize(..512)).min(other.len());
            bytes.splice(place..end, other[from..to].iter().copied());
        }
        _ => drop(bytes.splice(place..end, std::iter::repeat_with(|| random.u8(..)).take(4))),
    }
}

/// Puts another number in place of one.
fn replace_number(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let digits: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place].is_ascii_digit()).collect();
    if digits.is_empty() {
        return;
    }
    let begin = digits[random.usize(..digits.len())];
    let length = bytes[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match random.u8(..4) {
        0 => random.u64(..).to_string(),
        1 => (i64::MAX as u64 + random.u64(..3)).to_string(),
        2 => random.u8(..4).to_string(),
        _ => "9".repeat(random.usize(1..40)),
    };
    bytes.splice(begin..begin + length, number.into_bytes());
}
