//! The closed lists of words of CAP, each with the version in which a word was added (CAP 1.2, section 3.2).

use super::schema::Version;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($case:ident = $text:literal $since:ident $until:ident: $meaning:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $meaning] $case,)*
        }

        impl $name {
            /// Every word, in the order of the standard.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The word as it stands in a message.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }

            /// The word with this text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }

            /// Whether a version of the standard knows the word.
            pub fn allowed(text: &str, version: Version) -> bool {
                match text {
                    $($text => (Version::$since..=Version::$until).contains(&version),)*
                    _ => false,
                }
            }
        }
    )*};
}

words! {
    /// `status`: how a message is to be handled.
    Status {
        Actual = "Actual" V1_0 V1_2: "To be acted on.",
        Exercise = "Exercise" V1_0 V1_2: "For those who take part in a drill.",
        System = "System" V1_0 V1_2: "For networks, not for people.",
        Test = "Test" V1_0 V1_2: "A technical test; nobody acts on it.",
        Draft = "Draft" V1_1 V1_2: "Not to be acted on yet.",
    }
    /// `msgType`: what a message is to others.
    MessageType {
        Alert = "Alert" V1_0 V1_2: "The first one.",
        Update = "Update" V1_0 V1_2: "Takes the place of those that it references.",
        Cancel = "Cancel" V1_0 V1_2: "Takes back those that it references.",
        Ack = "Ack" V1_0 V1_2: "Says that those were received.",
        Error = "Error" V1_0 V1_2: "Refuses those.",
    }
    /// `scope`: for whom a message is.
    Scope {
        Public = "Public" V1_0 V1_2: "For everyone.",
        Restricted = "Restricted" V1_0 V1_2: "For those whom `restriction` names.",
        Private = "Private" V1_0 V1_2: "For those whom `addresses` names.",
    }
    /// `category` of the event.
    Category {
        Geo = "Geo" V1_0 V1_2: "Geophysical.",
        Met = "Met" V1_0 V1_2: "Meteorological.",
        Safety = "Safety" V1_0 V1_2: "Public safety.",
        Security = "Security" V1_0 V1_2: "Law enforcement, military, security.",
        Rescue = "Rescue" V1_0 V1_2: "Rescue and recovery.",
        Fire = "Fire" V1_0 V1_2: "Fire.",
        Health = "Health" V1_0 V1_2: "Health.",
        Env = "Env" V1_0 V1_2: "Pollution and environment.",
        Transport = "Transport" V1_0 V1_2: "Transport.",
        Infra = "Infra" V1_0 V1_2: "Utilities and infrastructure.",
        Cbrne = "CBRNE" V1_1 V1_2: "Chemical, biological, radiological, nuclear, explosive.",
        Other = "Other" V1_0 V1_2: "Anything else.",
    }
    /// `responseType`: what those in the area should do.
    ResponseType {
        Shelter = "Shelter" V1_1 V1_2: "Take shelter.",
        Evacuate = "Evacuate" V1_1 V1_2: "Leave.",
        Prepare = "Prepare" V1_1 V1_2: "Prepare.",
        Execute = "Execute" V1_1 V1_2: "Do what was planned.",
        Avoid = "Avoid" V1_2 V1_2: "Keep away.",
        Monitor = "Monitor" V1_1 V1_2: "Keep informed.",
        Assess = "Assess" V1_1 V1_2: "Judge by what the message says; not for the public.",
        AllClear = "AllClear" V1_2 V1_2: "The event is no threat any more.",
        None = "None" V1_1 V1_2: "Nothing.",
    }
    /// `urgency`: when to act.
    Urgency {
        Immediate = "Immediate" V1_0 V1_2: "At once.",
        Expected = "Expected" V1_0 V1_2: "Within the next hour.",
        Future = "Future" V1_0 V1_2: "In the near future.",
        Past = "Past" V1_0 V1_2: "Not any more.",
        Unknown = "Unknown" V1_0 V1_2: "Not known.",
    }
    /// `severity` of the event. It is neither the event's grade nor a colour.
    Severity {
        Extreme = "Extreme" V1_0 V1_2: "Extraordinary threat.",
        Severe = "Severe" V1_0 V1_2: "Significant threat.",
        Moderate = "Moderate" V1_0 V1_2: "Possible threat.",
        Minor = "Minor" V1_0 V1_2: "Minimal threat.",
        Unknown = "Unknown" V1_0 V1_2: "Not known.",
    }
    /// `certainty` of the event.
    Certainty {
        VeryLikely = "Very Likely" V1_0 V1_0: "More than about 85 in 100; only in CAP 1.0, later read as likely.",
        Observed = "Observed" V1_1 V1_2: "It has happened or is going on.",
        Likely = "Likely" V1_0 V1_2: "More than about 50 in 100.",
        Possible = "Possible" V1_0 V1_2: "Possible, but not likely.",
        Unlikely = "Unlikely" V1_0 V1_2: "Not expected.",
        Unknown = "Unknown" V1_0 V1_2: "Not known.",
    }
}
