//! `muster verify-package`: the judgement that a host would make, made by hand and offline.

use std::process::ExitCode;

use muster_kernel::DistrictId;
use muster_packages::trust::{Case, DenyList, Evidence, Reason, Refusal};
use muster_server::language::Language;
use serde_json::{Value as Json, json};

use super::keys;
use crate::arguments::{Output, VerifyPackage};

pub(crate) fn run(wanted: &VerifyPackage, output: Output) -> anyhow::Result<ExitCode> {
    let package = keys::package(&wanted.package)?;
    let trust = keys::trust(&wanted.trust)?;
    let at = keys::instant(wanted.at.as_deref())?;
    let deny = match &wanted.deny {
        Some(file) => DenyList::read(&keys::attestations(file)?, &trust, at)?,
        None => DenyList::none(),
    };
    let language = super::language(wanted.lang);
    if let Some((chinese, english)) = trust.warning() {
        eprintln!("{}", if language == Language::Chinese { chinese } else { english });
    }
    let district = DistrictId::from(wanted.district.as_str());
    let case = Case {
        package: package.digest,
        district: &district,
        role: keys::role(&wanted.role)?,
        settings: keys::settings_digest(&wanted.settings)?,
        at,
        crisis: wanted.crisis,
    };
    let judged = trust.judge(&case, &keys::attestations(&keys::beside(&wanted.package))?, &deny);
    // Only then what it says of itself: nobody's manifest is worth reading before somebody signed it.
    let claims = muster_packages::check_claims(&package.manifest, &package.contents);
    match output {
        Output::Json => say!("{}", as_json(&judged, claims.as_ref().err())),
        Output::Text => print(&judged, claims.as_ref().err(), language),
    }
    Ok(if judged.is_ok() && claims.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(judged: &Result<Evidence, Refusal>, lies: Option<&muster_packages::ClaimsError>, language: Language) {
    let chinese = language == Language::Chinese;
    match judged {
        Ok(evidence) => {
            say!("{}", if chinese { "可以使用" } else { "may be used" });
            for signer in &evidence.signers {
                let office = if chinese { signer.office.chinese() } else { signer.office.as_str() };
                say!("  {office}: {} ({})", signer.holder, signer.key);
            }
            for warning in &evidence.warnings {
                let text = if chinese { warning.chinese() } else { warning.to_string() };
                say!("  {}{text}", if chinese { "注意：" } else { "warning: " });
            }
        }
        Err(refusal) if chinese => say!("不得使用：{}", refusal.chinese()),
        Err(refusal) => say!("refused: {refusal}"),
    }
    if let Some(lies) = lies {
        say!("{}", if chinese { lies.chinese() } else { lies.to_string() });
    }
}

fn as_json(judged: &Result<Evidence, Refusal>, lies: Option<&muster_packages::ClaimsError>) -> Json {
    let reason = |reason: &Reason| json!({ "code": reason.code(), "zh": reason.chinese(), "en": reason.to_string() });
    let lies = lies.map(|lies| json!({ "zh": lies.chinese(), "en": lies.to_string() }));
    match judged {
        Ok(evidence) => json!({
            "accepted": lies.is_none(),
            "profile": evidence.profile,
            "signers": evidence.signers,
            "warnings": evidence.warnings.iter().map(reason).collect::<Vec<_>>(),
            "trust": evidence.trust,
            "attestations": evidence.attestations,
            "deny_sequence": evidence.deny_sequence,
            "lies": lies,
        }),
        Err(refusal) => json!({
            "accepted": false,
            "reason": reason(&refusal.reason),
            "also": refusal.also.iter().map(reason).collect::<Vec<_>>(),
            "lies": lies,
        }),
    }
}
