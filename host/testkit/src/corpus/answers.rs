//! Guests whose answer is not what the contract's types say: lengths, addresses and codes that cannot be.
//!
//! An award takes 64 bytes: `to` (address, length) at 0, `currency` at 8, `amount` at 16, `per-head` at 24, the reason's
//! `rule` at 32, its `source` at 40 (code, address, length) and its `sentences` at 52.

use muster_kernel::role::Failure::{Invalid, TooLarge};

use super::Expect::Fails;
use super::made::{Module, NOTHING};
use super::{Hostile, component};

/// A module that answers with a list at 2048 of so many awards, whose memory the data fill.
fn list(awards: u32, data: &str) -> Vec<u8> {
    let [a, b, c, d] = awards.to_le_bytes();
    let fields = format!("(data (i32.const 1024) \"\\00\\08\\00\\00\\{a:02x}\\{b:02x}\\{c:02x}\\{d:02x}\") {data}");
    Module { fields: &fields, settle: NOTHING, ..Module::default() }.component()
}

/// One award with some of its bytes set.
fn award(offset: u32, bytes: &str) -> Vec<u8> {
    list(1, &format!("(data (i32.const {}) \"{bytes}\")", 2048 + offset))
}

fn settle(settle: &'static str) -> Vec<u8> {
    Module { settle, ..Module::default() }.component()
}

pub(super) fn guests() -> Vec<Hostile> {
    vec![
        component(
            "answer_beyond_memory",
            Fails(Invalid),
            || settle("(i32.const -64)"),
            "its answer lies beyond its memory",
        ),
        component(
            "answer_unaligned",
            Fails(Invalid),
            || settle("(i32.const 1025)"),
            "its answer lies at an odd address",
        ),
        component(
            "list_without_end",
            Fails(Invalid),
            || list(u32::MAX, ""),
            "answers with a list of four billion awards",
        ),
        component(
            "list_beyond_memory",
            Fails(Invalid),
            || list(1_000, ""),
            "answers with a list that reaches beyond its memory",
        ),
        component(
            "list_unaligned",
            Fails(Invalid),
            || Module { fields: "(data (i32.const 1024) \"\\01\\08\\00\\00\\01\")", ..Module::default() }.component(),
            "answers with a list at an odd address",
        ),
        component(
            "text_beyond_memory",
            Fails(Invalid),
            || award(0, "\\f0\\ff\\00\\00\\ff\\00\\00\\00"),
            "answers with a text that reaches beyond its memory",
        ),
        component(
            "text_over_the_edge",
            Fails(Invalid),
            || award(0, "\\ff\\ff\\ff\\ff\\01\\00\\00\\00"),
            "answers with a text whose end comes before its beginning",
        ),
        component(
            "text_not_utf8",
            Fails(Invalid),
            || {
                award(
                    0,
                    "\\40\\08\\00\\00\\02\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\c3\\28",
                )
            },
            "answers with a text that is not UTF-8",
        ),
        component("no_such_currency", Fails(Invalid), || award(8, "\\09"), "answers with a currency that there is not"),
        component(
            "no_such_option",
            Fails(Invalid),
            || award(40, "\\07"),
            "answers with an option that is neither there nor absent",
        ),
        component(
            "overlapping_lists",
            Fails(TooLarge),
            || {
                // Every award's sentences are all the memory from 16,384 on: 3,072 sentences, each of which is empty.
                let one = "\\00\\00\\00\\00".repeat(13) + "\\00\\40\\00\\00\\00\\0c\\00\\00" + "\\00\\00\\00\\00";
                list(32, &format!("(data (i32.const 2048) \"{}\")", one.repeat(32)))
            },
            "answers with lists that share one memory: small for the guest, a hundred thousand items for the host",
        ),
    ]
}
