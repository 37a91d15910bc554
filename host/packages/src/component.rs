//! From a core module to a component: the last step of building a Rust policy.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ExportSection, Module};
use wasmparser::{Export, Parser};
use wit_component::ComponentEncoder;

/// Why a module cannot become a policy component.
#[derive(Debug, thiserror::Error)]
#[error("the module cannot become a policy component: {0}")]
pub struct ComponentError(String);

/// Wraps a core module that was built against the SDK.
///
/// # Errors
/// When the module does not carry the contract, or does not keep to it.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut kept = Module::new();
    let read = WithoutPostReturns.parse_core_module(&mut kept, Parser::new(0), module);
    read.map_err(|reason| ComponentError(reason.to_string()))?;
    let module = kept.finish();
    let wrapped =
        ComponentEncoder::default().validate(true).module(&module).and_then(wit_component::ComponentEncoder::encode);
    wrapped.map_err(|reason| ComponentError(format!("{reason:#}")))
}

/// Leaves out the functions by which a host gives an answer's memory back: an instance answers once and ends, and its
/// memory with it.
struct WithoutPostReturns;

impl Reencode for WithoutPostReturns {
    type Error = Infallible;

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Result<(), Error> {
        /// How the generator names them.
        const POST_RETURN: &str = "cabi_post_";
        if export.name.starts_with(POST_RETURN) { Ok(()) } else { utils::parse_export(self, exports, export) }
    }
}
