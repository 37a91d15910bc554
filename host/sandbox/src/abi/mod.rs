//! Contract versions. One module per frozen major: it translates between that contract and today's kernel types, and
//! does nothing else. What a guest may do is checked below these modules, once for all versions.

pub(crate) mod v1;
