//! Identifiers. Each kind has its own type, so that one can never stand where another belongs.

use alloc::string::String;
use core::borrow::Borrow;
use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The identifier as owned text.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", self.0)
            }
        }
    )*};
}

names! {
    /// A district: the unit that owns policies, one actor and one journal chain.
    DistrictId;
    /// A node of the tier tree, by its area code (GB/T 2260 and its extensions).
    NodeCode;
    /// An incident.
    IncidentId;
    /// A watch: something may come.
    WatchId;
    /// A call-out.
    CalloutId;
    /// A grant of authority.
    GrantId;
    /// A spend request, named by who asks.
    SpendId;
    /// A measure or its proposal.
    MeasureId;
    /// A task.
    TaskId;
    /// A duty to report.
    ReportId;
    /// A supervision finding.
    FindingId;
    /// A request for resources, named by who asks.
    RequestId;
    /// An offer of resources, named by who offers.
    OfferId;
    /// A case of public feedback (群众诉求).
    CaseId;
    /// An award (激励).
    AwardId;
    /// A process (流程).
    ProcessId;
    /// A scheme (预案), for instance `flood`.
    Scheme;
    /// A hazard (灾种), for instance `rainstorm`.
    Hazard;
}
