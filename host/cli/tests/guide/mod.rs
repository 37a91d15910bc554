//! A guide as its reader sees it: blocks of commands, and what they answer. Reads and compares; runs nothing.

pub(crate) mod session;

use std::fs;
use std::path::{Path, PathBuf};

/// How a block of commands ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// ```` ```sh ````: well.
    Well,
    /// ```` ```sh fails ````: not well; the answer says why.
    Failing,
    /// ```` ```sh again ````: well, at the first or a later look.
    Sometime,
}

/// A block of commands, and what it must answer.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The line on which it begins.
    pub(crate) line: usize,
    pub(crate) ends: Ends,
    pub(crate) commands: String,
    /// The ```` ```text ```` block that follows; `…` stands for anything, alone on a line for any lines.
    pub(crate) answer: Option<String>,
}

/// A guide.
#[derive(Debug)]
pub(crate) struct Guide {
    path: PathBuf,
    pub(crate) blocks: Vec<Block>,
    not_run: usize,
}

/// A file's name without its ending.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned()
}

impl Guide {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
        let mut guide = Self { path: path.to_owned(), blocks: Vec::new(), not_run: 0 };
        let mut lines = text.lines().enumerate();
        // Whether the last fence was one of commands: only then a text block is its answer.
        let mut follows = false;
        while let Some((number, line)) = lines.next() {
            let Some(fence) = line.strip_prefix("```") else { continue };
            let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            follows = guide.take(number + 1, fence.trim(), &body.join("\n"), follows);
        }
        guide
    }

    /// Takes a fenced block; gives whether an answer may follow.
    fn take(&mut self, line: usize, fence: &str, body: &str, follows: bool) -> bool {
        let ends = match fence {
            "sh" => Ends::Well,
            "sh fails" => Ends::Failing,
            "sh again" => Ends::Sometime,
            "text" => {
                assert!(follows, "{}: an answer to no commands", self.place(line));
                self.blocks.last_mut().expect("commands before it").answer = Some(body.to_owned());
                return false;
            }
            "console" => {
                self.not_run += 1;
                return false;
            }
            other => panic!("{}: a fence `{other}` that the test does not know", self.place(line)),
        };
        self.blocks.push(Block { line, ends, commands: body.to_owned(), answer: None });
        true
    }

    /// `operator` of `operator.en.md`.
    pub(crate) fn name(&self) -> String {
        name(&self.path).split('.').next().expect("a name").to_owned()
    }

    pub(crate) fn is_chinese(&self) -> bool {
        name(&self.path).ends_with(".zh.md")
    }

    /// Every block's line and commands.
    pub(crate) fn commands(&self) -> Vec<(usize, &str)> {
        self.blocks.iter().map(|block| (block.line, block.commands.as_str())).collect()
    }

    pub(crate) const fn not_run(&self) -> usize {
        self.not_run
    }

    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// Whether what was said is what the guide shows.
pub(crate) fn is_shown(shown: &str, said: &str) -> bool {
    let (shown, said): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), said.trim_end().lines().collect());
    lines_match(&shown, &said)
}

fn lines_match(shown: &[&str], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skipped| lines_match(rest, &said[skipped..])),
        Some((first, rest)) => {
            said.split_first().is_some_and(|(line, said)| line_matches(first, line) && lines_match(rest, said))
        }
    }
}

fn line_matches(shown: &str, said: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    false
}

#[test]
fn a_gap_stands_for_anything_and_nothing_else_does() {
    for (shown, said, fits) in [
        ("one\n…\nfour", "one\ntwo\nthree\nfour\n", true),
        ("one\n…\nfour", "one\nfour", true),
        ("one\n…", "two\none", false),
        ("entry … of …, done", "entry 12 of yunhe, done", true),
        ("entry … of …, done", "entry 12 of yunhe, done twice", false),
        ("a … a", "a a", false),
        ("one", "one\ntwo", false),
    ] {
        assert_eq!(is_shown(shown, said), fits, "`{shown}` and `{said}`");
    }
}
