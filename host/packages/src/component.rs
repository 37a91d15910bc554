//! From a core module to a component: the last step of building a Rust policy.

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
    let wrapped =
        ComponentEncoder::default().validate(true).module(module).and_then(wit_component::ComponentEncoder::encode);
    wrapped.map_err(|reason| ComponentError(format!("{reason:#}")))
}
