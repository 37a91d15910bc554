//! The languages that Muster speaks to people, and how a reader says which one is wanted.

use serde::Serialize;

/// A language for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// 中文
    Chinese,
    /// English
    #[default]
    English,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bilingual {
    /// 中文
    pub zh: String,
    /// English
    pub en: String,
}

impl Language {
    /// The one of both texts that is in this language.
    pub const fn of<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// The better liked of the two in an `Accept-Language` header; English when neither is named.
    pub fn accepted(header: &str) -> Self {
        let mut best = (Self::default(), 0.0_f32);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(Self::of_tag) else { continue };
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok()).unwrap_or(1.0);
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next()?;
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }
}

impl Bilingual {
    /// Asks the same of both languages.
    pub fn of(mut speak: impl FnMut(Language) -> String) -> Self {
        Self { zh: speak(Language::Chinese), en: speak(Language::English) }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_better_liked_language_is_taken() {
        assert_eq!(Language::accepted("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(Language::accepted("fr, en;q=0.7, zh;q=0.2"), Language::English);
        assert_eq!(Language::accepted("en;q=0, zh-Hans;q=0.1"), Language::Chinese);
        assert_eq!(Language::accepted(""), Language::English);
    }
}
