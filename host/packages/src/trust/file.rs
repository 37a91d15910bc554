//! Reading `trust.toml`: everything is checked here, so that a [`Trust`] always holds together.

use std::collections::BTreeMap;

use muster_kernel::{Digest, DistrictId, Instant, Role};
use serde::Deserialize;

use super::{ApprovalQuorum, Key, Need, Office, Profile, Quorum, Rule, Trust};
use crate::attestation::{KeyId, PublicKey};

/// The largest trust file that is read.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The most keys.
const KEYS_MAX: usize = 1_000;
/// The most rules.
const RULES_MAX: usize = 1_000;
/// The most signers that anything may need: more were never together in one room.
const COUNT_MAX: usize = 10;
/// The longest name of a holder, in bytes.
const HOLDER_BYTES_MAX: usize = 200;
/// The most days a deny-list may be let grow old.
const DAYS_MAX: u32 = 3_650;

/// Why a trust file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Larger than any trust file may be.
    #[error("the trust file has {0} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not the TOML of a trust file.
    #[error("the trust file cannot be read: {0}")]
    Syntax(String),
    /// A field that cannot be.
    #[error("trust file: `{field}`: {reason}")]
    Field {
        /// The field, for instance `key[2].until`.
        field: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustToml {
    profile: Profile,
    #[serde(default = "one")]
    serial: u64,
    deny_list_days_max: Option<u32>,
    change: Option<Quorum>,
    #[serde(default)]
    approval: ApprovalQuorum,
    #[serde(default)]
    key: Vec<KeyToml>,
    #[serde(default)]
    rule: Vec<RuleToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyToml {
    id: String,
    public: String,
    holder: String,
    offices: Vec<Office>,
    from: TimeToml,
    until: TimeToml,
    #[serde(default)]
    districts: Vec<DistrictId>,
    #[serde(default)]
    roles: Vec<Role>,
    revoked_since: Option<TimeToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleToml {
    #[serde(default)]
    districts: Vec<DistrictId>,
    #[serde(default)]
    roles: Vec<Role>,
    needs: Vec<Need>,
    crisis: Option<Vec<Need>>,
}

/// A time of TOML, or the same as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum TimeToml {
    Time(toml::value::Datetime),
    Text(String),
}

fn one() -> u64 {
    1
}

impl Trust {
    /// Reads a trust file.
    ///
    /// # Errors
    /// When the text is no trust file, or does not hold together. Field and cure are named.
    pub fn read(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(TrustError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TrustError::Syntax("it is not UTF-8 text".into()))?;
        let read: TrustToml = toml::from_str(text).map_err(|reason| TrustError::Syntax(reason.to_string()))?;
        if read.key.len() > KEYS_MAX || read.rule.len() > RULES_MAX {
            return Err(TrustError::Syntax(format!("at most {KEYS_MAX} keys and {RULES_MAX} rules are read")));
        }
        let keys = read.key.into_iter().enumerate().map(|(index, key)| read_key(index, key));
        let rules = read.rule.into_iter().enumerate().map(|(index, rule)| read_rule(index, rule));
        let trust = Self {
            digest: Digest::of(bytes),
            serial: read.serial,
            profile: read.profile,
            deny_list_days_max: read.deny_list_days_max,
            change: read.change.unwrap_or(Quorum { strengthen: 1, weaken: 2 }),
            approval: read.approval,
            keys: keys.collect::<Result<_, _>>()?,
            rules: rules.collect::<Result<_, _>>()?,
        };
        check_numbers(&trust)?;
        check_keys(&trust.keys)?;
        check_reachable(&trust)?;
        Ok(trust)
    }
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> TrustError {
    TrustError::Field { field: field.into(), reason: reason.into() }
}

fn read_time(field: String, time: &TimeToml) -> Result<Instant, TrustError> {
    let text = match time {
        TimeToml::Time(time) => time.to_string(),
        TimeToml::Text(text) => text.clone(),
    };
    Instant::parse(&text).map_err(|reason| wrong(field, reason.to_string()))
}

fn read_key(index: usize, key: KeyToml) -> Result<Key, TrustError> {
    let field = |name: &str| format!("key[{index}].{name}");
    let public = PublicKey::parse(&key.public).map_err(|reason| wrong(field("public"), reason.to_string()))?;
    let id = KeyId::parse(&key.id).map_err(|reason| wrong(field("id"), reason.to_string()))?;
    if id != public.id() {
        let reason = format!("the key with this public part is called `{}`; write that", public.id());
        return Err(wrong(field("id"), reason));
    }
    let holder = key.holder.clone();
    if holder.is_empty() || holder.trim() != holder || holder.len() > HOLDER_BYTES_MAX {
        return Err(wrong(field("holder"), "name the person or organisation, without spaces around it"));
    }
    if holder.chars().any(char::is_control) {
        return Err(wrong(field("holder"), "a name holds no control characters"));
    }
    if key.offices.is_empty() {
        return Err(wrong(field("offices"), "say what it may sign for, for instance [\"vendor\"]"));
    }
    let from = read_time(field("from"), &key.from)?;
    let until = read_time(field("until"), &key.until)?;
    if until <= from {
        return Err(wrong(field("until"), "must be later than `from`"));
    }
    let revoked_since = key.revoked_since.as_ref().map(|time| read_time(field("revoked_since"), time)).transpose()?;
    let KeyToml { offices, districts, roles, .. } = key;
    Ok(Key { id, public, holder, offices, from, until, districts, roles, revoked_since })
}

fn read_rule(index: usize, rule: RuleToml) -> Result<Rule, TrustError> {
    let field = |name: &str| format!("rule[{index}].{name}");
    check_needs(&field("needs"), &rule.needs)?;
    if let Some(crisis) = &rule.crisis {
        check_needs(&field("crisis"), crisis)?;
        for need in &rule.needs {
            if crisis.iter().all(|other| other.office != need.office || other.count < need.count) {
                let reason = format!(
                    "a crisis never needs less than a quiet day: {} of {} here too; \
                     what cannot wait is for `muster approve --kind break-glass`",
                    need.count,
                    need.office.as_str()
                );
                return Err(wrong(field("crisis"), reason));
            }
        }
    }
    let crisis = rule.crisis.unwrap_or_else(|| rule.needs.clone());
    Ok(Rule { districts: rule.districts, roles: rule.roles, needs: rule.needs, crisis })
}

fn check_needs(field: &str, needs: &[Need]) -> Result<(), TrustError> {
    if needs.is_empty() {
        return Err(wrong(field, "name at least one office, for instance [{ office = \"vendor\", count = 1 }]"));
    }
    for (index, need) in needs.iter().enumerate() {
        if !(1..=COUNT_MAX).contains(&need.count) {
            return Err(wrong(format!("{field}[{index}].count"), "must be 1 to 10"));
        }
        if matches!(need.office, Office::TrustAdmin | Office::Revoker) {
            let reason = "packages are signed by vendor, certifier and releaser";
            return Err(wrong(format!("{field}[{index}].office"), reason));
        }
        if needs[..index].iter().any(|other| other.office == need.office) {
            return Err(wrong(format!("{field}[{index}].office"), "stands here twice; write one count"));
        }
    }
    Ok(())
}

fn check_numbers(trust: &Trust) -> Result<(), TrustError> {
    let Quorum { strengthen, weaken } = trust.change;
    if trust.serial == 0 {
        return Err(wrong("serial", "begins with 1 and grows by one with every change"));
    }
    if !(1..COUNT_MAX).contains(&strengthen) {
        return Err(wrong("change.strengthen", "must be 1 to 9"));
    }
    if weaken <= strengthen || weaken > COUNT_MAX {
        return Err(wrong("change.weaken", "must be more than `strengthen`, and at most 10"));
    }
    let ApprovalQuorum { overriding, widen, break_glass } = trust.approval;
    for (field, count, least) in [("override", overriding, 2), ("widen", widen, 1), ("break_glass", break_glass, 2)] {
        if !(least..=COUNT_MAX).contains(&count) {
            return Err(wrong(format!("approval.{field}"), format!("must be {least} to {COUNT_MAX}")));
        }
    }
    if trust.deny_list_days_max.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(wrong("deny_list_days_max", "must be 1 to 3650 days"));
    }
    Ok(())
}

/// One key stands once, and one holder has one spelling: otherwise one person could count as two.
fn check_keys(keys: &[Key]) -> Result<(), TrustError> {
    let mut spellings = BTreeMap::<String, &str>::new();
    for (index, key) in keys.iter().enumerate() {
        check_scope(index, key)?;
        if keys[..index].iter().any(|other| other.id == key.id) {
            return Err(wrong(format!("key[{index}].id"), "stands in this file twice; one key has one entry"));
        }
        let folded: String = key.holder.to_lowercase().split_whitespace().collect();
        let known = spellings.entry(folded).or_insert(&key.holder);
        if *known != key.holder {
            let reason = format!("differs from `{known}` only in spelling; write one name for one holder");
            return Err(wrong(format!("key[{index}].holder"), reason));
        }
    }
    Ok(())
}

/// Who changes the trust file or the deny-list does it for all districts: such a key cannot be held to some of them.
fn check_scope(index: usize, key: &Key) -> Result<(), TrustError> {
    let everywhere = key.districts.is_empty() && key.roles.is_empty();
    let office = key.offices.iter().find(|office| matches!(office, Office::TrustAdmin | Office::Revoker));
    match office {
        Some(office) if !everywhere => Err(wrong(
            format!("key[{index}].offices"),
            format!(
                "{} acts for the whole host; take `districts` and `roles` out, or use another key",
                office.as_str()
            ),
        )),
        _ => Ok(()),
    }
}

/// In production, a change that nobody could ever sign would lock the host out of its own trust file.
fn check_reachable(trust: &Trust) -> Result<(), TrustError> {
    let mut holders: Vec<&str> = trust
        .keys
        .iter()
        .filter(|key| key.offices.contains(&Office::TrustAdmin) && key.revoked_since.is_none())
        .map(|key| key.holder.as_str())
        .collect();
    holders.sort_unstable();
    holders.dedup();
    if trust.profile == Profile::Production && holders.len() < trust.change.weaken {
        let reason = format!(
            "needs {} distinct holders with the office trust_admin, and {} can sign; \
             name more, or no key could ever be replaced",
            trust.change.weaken,
            holders.len()
        );
        return Err(wrong("change.weaken", reason));
    }
    Ok(())
}
