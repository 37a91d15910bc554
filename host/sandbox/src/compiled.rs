//! The compiled form of a program as bytes: the component, and its module when that is called directly. It knows lengths and
//! names; what the engine made, it hands over unread.

use crate::direct::Names;

/// Parts of a compiled program.
pub(crate) struct Compiled<'a> {
    /// What the engine made of the component.
    pub(crate) component: &'a [u8],
    /// What it made of the module, and the module's names, when calls go there.
    pub(crate) module: Option<(&'a [u8], Names)>,
}

impl<'a> Compiled<'a> {
    /// The parts, one after the other, each after its length.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut part = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        part(self.component);
        if let Some((module, names)) = &self.module {
            part(module);
            names.texts().iter().for_each(|text| part(text.as_bytes()));
        }
        bytes
    }

    /// `None` when the bytes do not divide into parts.
    pub(crate) fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut parts = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            parts.push(part);
            bytes = rest;
        }
        let (component, module) = parts.split_first()?;
        let module = match module.split_first() {
            Some((module, names)) => {
                let names = names.iter().map(|name| std::str::from_utf8(name).ok()).collect::<Option<Vec<_>>>()?;
                Some((*module, Names::from_texts(&names)?))
            }
            None => None,
        };
        bytes.is_empty().then_some(Self { component, module })
    }
}
