//! How the corpus makes its components: the text of a core module that answers as incentives with an empty list, of which
//! each guest changes one part.

use crate::contract::Contract;

/// The parts of a core module.
pub(super) struct Module<'a> {
    /// Imports, before everything else.
    pub(super) imports: &'a str,
    /// Fields of the module: data, functions, a start.
    pub(super) fields: &'a str,
    /// What the memory is.
    pub(super) memory: &'a str,
    /// The body of `cabi_realloc`: four parameters, gives an address.
    pub(super) realloc: &'a str,
    /// The body of `settle`: gets an address, gives an address.
    pub(super) settle: &'a str,
    /// The body of what runs after the answer was read.
    pub(super) post_return: &'a str,
}

/// Hands out memory from the end of the first 8 KiB.
const BUMP: &str = "(local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at)";

/// At 1024 stand eight zeros: a list of nothing.
pub(super) const NOTHING: &str = "(i32.const 1024)";

impl Default for Module<'_> {
    fn default() -> Self {
        Self { imports: "", fields: "", memory: "1", realloc: BUMP, settle: NOTHING, post_return: "" }
    }
}

impl Module<'_> {
    /// The text.
    pub(super) fn text(&self, version: &str) -> String {
        let Self { imports, fields, memory, realloc, settle, post_return } = self;
        format!(
            "(module
  {imports}
  (memory (export \"memory\") {memory})
  (global $next (mut i32) (i32.const 8192))
  {fields}
  (func (export \"cabi_realloc\") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    {realloc})
  (func (export \"muster:policy/incentives@{version}#settle\") (param $asked_at i32) (result i32)
    {settle})
  (func (export \"cabi_post_muster:policy/incentives@{version}#settle\") (param $answer i32)
    {post_return}))"
        )
    }

    /// The component, for today's contract.
    pub(super) fn component(&self) -> Vec<u8> {
        let today = Contract::today();
        today.component("incentives-policy", &self.text(&today.version()))
    }
}

/// A component in its own words.
pub(super) fn written(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|reason| panic!("{reason}"))
}

/// The same bytes with every occurrence of one name replaced by another of the same length.
pub(super) fn renamed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stand before names");
    let mut found = 0;
    for start in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[start..].starts_with(from.as_bytes()) {
            bytes[start..start + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "`{from}` is not there");
    bytes
}
