//! A message's text from named fields. What a template may name is fixed, and every field is always there: a wrong name
//! is found when the settings are read, never when a message must go out.

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It names a field that there is not.
    #[error("names the field `{{{0}}}`, which there is not; the fields are {fields}", fields = NAMES.join(", "))]
    Unknown(String),
    /// A brace is never closed, or closed but never opened.
    #[error("has a brace without its partner at byte {0}; write `{{{{` or `}}}}` for a brace that is meant")]
    Brace(usize),
    /// It says nothing of what happened.
    #[error("does not say what happened; name `{{sentence}}`")]
    Silent,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a template may name. All of it is known of every fact.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Fields {
            $($(#[$doc])* pub $name: String,)*
        }

        const NAMES: &[&str] = &[$(stringify!($name)),*];

        impl Fields {
            fn get(&self, index: usize) -> &str {
                [$(&self.$name),*][index]
            }
        }
    };
}

fields! {
    /// The message's identity; a receipt names it.
    id,
    /// The district's name.
    district,
    /// The fact's kind.
    kind,
    /// One word for what kind of thing it is.
    label,
    /// What happened.
    sentence,
    /// When it was decided, in the district's local time (RFC 3339).
    time,
    /// The entry's number.
    seq,
    /// The recipient's name.
    recipient,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Position in [`NAMES`].
    Field(usize),
}

/// A text with `{field}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When it names a field that there is not, or a brace has no partner.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let here = text.len() - rest.len() + at;
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = match brace {
                "{" => rest.split_once('}').ok_or(TemplateError::Brace(here))?,
                _ => return Err(TemplateError::Brace(here)),
            };
            let field = NAMES.iter().position(|known| *known == name);
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Field(field.ok_or_else(|| TemplateError::Unknown(name.into()))?));
            rest = after;
        }
        pieces.push(Piece::Text(plain + rest));
        Ok(Self(pieces))
    }

    /// Reads a template for a message's text, which must say what happened.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when it lacks `{sentence}`.
    pub fn parse_text(text: &str) -> Result<Self, TemplateError> {
        let template = Self::parse(text)?;
        let says = template.0.iter().any(|piece| matches!(piece, Piece::Field(index) if NAMES[*index] == "sentence"));
        if says { Ok(template) } else { Err(TemplateError::Silent) }
    }

    /// The text.
    pub fn render(&self, fields: &Fields) -> String {
        self.0.iter().fold(String::new(), |text, piece| match piece {
            Piece::Text(plain) => text + plain,
            Piece::Field(index) => text + fields.get(*index),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let text = |text: &str| text.to_owned();
        Fields {
            id: text("n/1/0/desk"),
            district: text("北区"),
            kind: text("notice.sent"),
            label: text("通知"),
            sentence: text("{id} 不是字段"),
            time: text("2021-07-19T18:00:00+08:00"),
            seq: text("1"),
            recipient: text("desk"),
        }
    }

    #[test]
    fn fields_are_filled_once_and_braces_can_be_meant() {
        let template = Template::parse_text("【{district}】{{{label}}} {sentence}").expect("a template");
        assert_eq!(template.render(&fields()), "【北区】{通知} {id} 不是字段");
    }

    #[test]
    fn what_is_wrong_is_found_when_it_is_read() {
        let error = |text| Template::parse_text(text).expect_err(text);
        insta::assert_snapshot!(error("{sentence} {who}"), @"names the field `{who}`, which there is not; the fields are id, district, kind, label, sentence, time, seq, recipient");
        insta::assert_snapshot!(error("字{sentence"), @"has a brace without its partner at byte 3; write `{{` or `}}` for a brace that is meant");
        insta::assert_snapshot!(error("a } b"), @"has a brace without its partner at byte 2; write `{{` or `}}` for a brace that is meant");
        insta::assert_snapshot!(error("something happened"), @"does not say what happened; name `{sentence}`");
    }
}
