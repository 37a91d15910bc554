//! Reads what strace recorded: which call began and ended when, beside the calls of other threads.
//! Must never guess: a line or an argument that it does not understand is an error.

use std::collections::HashMap;
use std::io::BufRead;

use anyhow::{Context, bail, ensure};

/// A system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// As strace wrote them, every text in hexadecimal digits.
    pub(crate) arguments: String,
    /// What came back; `None` when the process was gone before.
    pub(crate) outcome: Option<Outcome>,
    /// When it began: a place in the trace. It took effect at some time between its begin and its end.
    pub(crate) begin: u64,
    /// When it had ended; never, when the process was gone before.
    pub(crate) end: Option<u64>,
}

/// What a call gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) value: i64,
}

impl Call {
    /// Whether it is known to have failed.
    pub(crate) fn failed(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.value < 0)
    }

    /// The descriptor that stands first, with the path that it had when the call began.
    pub(crate) fn descriptor(&self) -> anyhow::Result<(i64, String)> {
        let (number, rest) = self.arguments.split_once('<').with_context(|| self.unclear("names no descriptor"))?;
        let (path, _) = rest.split_once('>').with_context(|| self.unclear("names no path"))?;
        let number = if number == "AT_FDCWD" { -100 } else { number.parse()? };
        Ok((number, String::from_utf8(unescaped(path)?)?))
    }

    /// All texts between quotation marks, in order.
    pub(crate) fn texts(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut parts = self.arguments.split('"');
        let mut texts = Vec::new();
        parts.next();
        while let (Some(text), Some(behind)) = (parts.next(), parts.next()) {
            ensure!(!behind.starts_with("..."), self.unclear("was recorded in part only"));
            texts.push(unescaped(text)?);
        }
        Ok(texts)
    }

    /// The argument at a place, for calls whose arguments before it hold no comma.
    pub(crate) fn argument(&self, place: usize) -> anyhow::Result<&str> {
        self.arguments.split(", ").nth(place).with_context(|| self.unclear("has too few arguments"))
    }

    pub(crate) fn unclear(&self, why: &str) -> String {
        format!("{}({:.200}) {why}", self.name, self.arguments)
    }
}

fn unescaped(text: &str) -> anyhow::Result<Vec<u8>> {
    let digits = text.split("\\x").skip(1);
    let bytes = digits.map(|digits| u8::from_str_radix(digits, 16).with_context(|| format!("`{digits}` is no byte")));
    ensure!(text.is_empty() || text.starts_with("\\x"), "`{text:.40}` is not in hexadecimal digits");
    bytes.collect()
}

/// All calls of a trace, in the order in which they began. Places count on from `first`; gives the place behind the last.
pub(crate) fn read(lines: impl BufRead, first: u64) -> anyhow::Result<(Vec<Call>, u64)> {
    let mut calls: Vec<Call> = Vec::new();
    let mut running = HashMap::<String, usize>::new();
    let mut now = first;
    for line in lines.lines() {
        let line = line?;
        now += 2;
        let (thread, said) = line.split_once(' ').with_context(|| format!("no thread: {line:.80}"))?;
        let said = said.trim_start();
        if said.starts_with("+++") || said.starts_with("---") {
            continue;
        }
        if let Some(rest) = said.strip_prefix("<... ") {
            let (name, rest) = rest.split_once(" resumed>").with_context(|| format!("not resumed: {line:.80}"))?;
            let place = running.remove(thread).with_context(|| format!("{name} of {thread} never began"))?;
            let call = &mut calls[place];
            ensure!(call.name == name, "{name} of {thread} began as {}", call.name);
            let (more, outcome) = ended(rest).with_context(|| format!("{line:.200}"))?;
            call.arguments.push_str(more);
            (call.end, call.outcome) = (outcome.is_some().then_some(now), outcome);
            continue;
        }
        let (name, rest) = said.split_once('(').with_context(|| format!("no call: {line:.80}"))?;
        let mut call = Call { name: name.into(), arguments: String::new(), outcome: None, begin: now, end: None };
        if let Some(arguments) = rest.strip_suffix("<unfinished ...>") {
            call.arguments = arguments.trim_end().into();
            running.insert(thread.into(), calls.len());
        } else {
            let (arguments, outcome) = ended(rest).with_context(|| format!("{line:.200}"))?;
            call.arguments = arguments.into();
            (call.end, call.outcome) = (outcome.is_some().then_some(now + 1), outcome);
        }
        calls.push(call);
    }
    Ok((calls, now + 2))
}

/// Arguments and outcome of what ends a call: `…) = 0`.
fn ended(text: &str) -> anyhow::Result<(&str, Option<Outcome>)> {
    let (arguments, outcome) = text.rsplit_once(" = ").context("it has no outcome")?;
    let arguments = arguments.trim_end().strip_suffix(')').context("it is not closed")?;
    let word = outcome.split([' ', '<']).next().unwrap_or_default();
    if word == "?" {
        return Ok((arguments, None));
    }
    match word.parse() {
        Ok(value) => Ok((arguments, Some(Outcome { value }))),
        Err(_) => bail!("`{word}` is no outcome"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Vec<Call> {
        read(text.as_bytes(), 0).expect("a trace").0
    }

    #[test]
    fn a_call_on_one_line_has_path_texts_and_outcome() {
        let calls = calls("12 pwrite64(4<\\x2f\\x61>, \"\\x00\\xff\", 2, 24)   = 2\n");
        let call = &calls[0];
        assert_eq!((call.name.as_str(), call.begin, call.end), ("pwrite64", 2, Some(3)));
        assert_eq!(call.descriptor().expect("one"), (4, "/a".to_owned()));
        assert_eq!(call.texts().expect("texts"), [vec![0, 255]]);
        assert_eq!(call.argument(3).expect("four"), "24");
        assert_eq!(call.outcome, Some(Outcome { value: 2 }));
    }

    #[test]
    fn calls_of_threads_overlap_and_a_failure_is_known() {
        let text = "1 fsync(5<\\x2f\\x62> <unfinished ...>\n\
                    2 openat(AT_FDCWD<\\x2f>, \"\\x63\", O_RDONLY) = -1 ENOENT (No such file or directory)\n\
                    1 <... fsync resumed>)              = 0\n\
                    2 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
                    2 write(3<\\x2f\\x62>, \"\\x61\", 1 <unfinished ...>\n\
                    2 +++ killed by SIGKILL +++\n";
        let calls = calls(text);
        assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["fsync", "openat", "write"]);
        assert_eq!((calls[0].begin, calls[0].end), (2, Some(6)));
        assert!(calls[1].failed() && !calls[0].failed());
        assert_eq!((calls[2].end, &calls[2].outcome), (None, &None));
        assert_eq!(calls[2].texts().expect("texts"), [b"a".to_vec()]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(read("nonsense\n".as_bytes(), 0).is_err());
        assert!(read("1 <... fsync resumed>) = 0\n".as_bytes(), 0).is_err());
        let cut = calls("1 write(3<\\x62>, \"\\x61\"..., 9) = 9\n");
        assert!(cut[0].texts().is_err(), "a text that was cut short must not pass for the whole");
    }
}
