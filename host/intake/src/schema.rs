//! For the schema of `muster.toml`: what texts must look like, where a field's type is wider than what its check takes. It
//! must never say less or more than the check does.

use std::borrow::Cow;

use muster_kernel::Colour;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::settings::WORD_BYTES_MAX;

/// What [`crate::settings::Check::word`] takes; a letter has at least one byte.
pub(crate) enum Word {}

impl JsonSchema for Word {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!(r"^[^\x00-\x1f\x7f-\x9f]{{1,{WORD_BYTES_MAX}}}$");
        json_schema!({"type": "string", "pattern": pattern})
    }
}

/// Where a colour may stand in a CAP message.
pub(crate) enum ColourPlace {}

impl JsonSchema for ColourPlace {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ColourPlace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(severity:[^:]*|(parameter|eventCode):[^:]*:.*)$"})
    }
}

/// A colour, in the kernel's own words.
pub(crate) enum ColourWord {}

impl JsonSchema for ColourWord {
    fn schema_name() -> Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Colour::ALL.iter().map(|colour| colour.as_str()).collect();
        json_schema!({"description": "The colour of a warning, the mildest first.", "type": "string", "enum": words})
    }
}
