//! An issuer of the settings: which tokens of it hold, and what its claims stand for here. It must never give a binding
//! that no rule of the settings names.

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::{Instant, Milliseconds, NodeCode};

use super::{Claims, JwtError, KeyCache, KeySource, Patience, Unverified};
use crate::{Binding, Identity, Post, Proof, ProofFailure, Subject};

/// Letters of a name for people that are kept.
const NAME_LETTERS_MAX: usize = 200;

/// What a value of a claim stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The claim, for instance `groups` or `realm_access.roles`.
    pub claim: String,
    /// The value; `{node}` in it stands for a node's code, which the binding then takes.
    pub value: String,
    /// The role, and where.
    pub binding: Binding,
    /// Posts that come with it.
    pub posts: BTreeSet<Post>,
    /// Sources that come with it; `{node}` as in the value.
    pub sources: BTreeSet<String>,
}

impl Rule {
    /// What the rule gives for one value of the claim.
    fn give(&self, value: &str) -> Option<(Binding, BTreeSet<String>)> {
        let Some((before, after)) = self.value.split_once("{node}") else {
            return (self.value == value).then(|| (self.binding.clone(), self.sources.clone()));
        };
        let code = value.strip_prefix(before)?.strip_suffix(after)?;
        // Codes of GB/T 2260 and its extensions are digits; anything else is another group that begins alike.
        if code.is_empty() || code.len() > 32 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let binding = Binding { node: Some(NodeCode::from(code)), ..self.binding.clone() };
        Some((binding, self.sources.iter().map(|source| source.replace("{node}", code)).collect()))
    }
}

/// An issuer, with its keys.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`, to the letter.
    pub name: String,
    /// Names of this host in `aud`.
    pub audiences: Vec<String>,
    /// How far clocks may differ.
    pub skew: Milliseconds,
    /// The claim that names the subject; `sub` by default.
    pub subject_claim: String,
    /// The claim that people are called by.
    pub name_claim: String,
    /// Stands before every subject of this issuer, so that subjects of two issuers are two.
    pub subject_prefix: String,
    /// What claims stand for.
    pub rules: Vec<Rule>,
    /// Its keys.
    pub keys: KeyCache,
}

impl Issuer {
    /// An issuer without rules: its tokens hold and give nothing.
    pub fn new(name: impl Into<String>, audiences: Vec<String>, patience: Patience) -> Self {
        Self {
            name: name.into(),
            audiences,
            skew: Milliseconds(60_000),
            subject_claim: "sub".into(),
            name_claim: "name".into(),
            subject_prefix: String::new(),
            rules: Vec::new(),
            keys: KeyCache::new(patience),
        }
    }

    /// What a token says, when it holds.
    ///
    /// # Errors
    /// When it does not, with the reason for the log.
    pub fn verify(&self, token: &Unverified<'_>, at: Instant) -> Result<Claims, JwtError> {
        let claims = token.verify(self.keys.keys(at)?)?;
        if claims.issuer != self.name {
            return Err(JwtError::UnknownIssuer(super::jws::shortened(&claims.issuer)));
        }
        claims.check(&self.audiences, at, self.skew)?;
        Ok(claims)
    }

    /// Whom verified claims stand for.
    ///
    /// # Errors
    /// When they name no subject that could stand in a journal.
    pub fn identity(&self, claims: &Claims) -> Result<Identity, JwtError> {
        let named = claims.texts(&self.subject_claim);
        let [subject] = named.as_slice() else {
            return Err(JwtError::form("payload", format!("has not one text as `{}`", self.subject_claim)));
        };
        let subject = Subject::parse(&format!("{}{subject}", self.subject_prefix))
            .map_err(|reason| JwtError::form("sub", format!("cannot be taken: {reason}")))?;
        let (mut bindings, mut posts, mut sources) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for rule in &self.rules {
            for (binding, given) in claims.texts(&rule.claim).into_iter().filter_map(|value| rule.give(value)) {
                bindings.insert(binding);
                posts.extend(rule.posts.iter().cloned());
                sources.extend(given);
            }
        }
        let display_name = claims.texts(&self.name_claim).first().map_or_else(
            || subject.to_string(),
            |name| name.chars().filter(|letter| !letter.is_control()).take(NAME_LETTERS_MAX).collect(),
        );
        let proof = Proof::OpenIdConnect { issuer: claims.issuer.clone(), subject: claims.subject.clone() };
        Ok(Identity { subject, display_name, bindings: bindings.into_iter().collect(), posts, sources, proof })
    }
}

/// All issuers of a host, by name.
#[derive(Debug, Clone, Default)]
pub struct Issuers {
    issuers: BTreeMap<String, Issuer>,
}

impl Issuers {
    /// These issuers.
    pub fn new(issuers: impl IntoIterator<Item = Issuer>) -> Self {
        Self { issuers: issuers.into_iter().map(|issuer| (issuer.name.clone(), issuer)).collect() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.values()
    }

    /// The issuer whose keys are to be fetched before this token is proved. Fetch, [`Self::take`], then prove.
    pub fn fetch_due(&self, shown: &str, at: Instant) -> Option<&str> {
        let token = Unverified::parse(shown).ok()?;
        let issuer = self.issuers.get(token.issuer())?;
        issuer.keys.is_fetch_due(&token, at).then_some(issuer.name.as_str())
    }

    /// Takes what a fetch of an issuer's keys gave.
    pub fn take(&mut self, issuer: &str, fetched: Result<Vec<u8>, super::FetchError>, at: Instant) {
        if let Some(issuer) = self.issuers.get_mut(issuer) {
            issuer.keys.take(fetched, at);
        }
    }

    /// Who holds the token that is shown, with the keys that are known.
    ///
    /// # Errors
    /// When the token is no proof.
    pub fn prove(&self, shown: &str, at: Instant) -> Result<Identity, ProofFailure> {
        self.prove_until(shown, at).map(|(identity, _)| identity)
    }

    /// The same, and until when the token holds by its own word: so long the verdict may be remembered.
    ///
    /// # Errors
    /// When the token is no proof.
    pub fn prove_until(&self, shown: &str, at: Instant) -> Result<(Identity, Instant), ProofFailure> {
        let token = Unverified::parse(shown)?;
        let unknown = || JwtError::UnknownIssuer(super::jws::shortened(token.issuer()));
        let issuer = self.issuers.get(token.issuer()).ok_or_else(unknown)?;
        let claims = issuer.verify(&token, at)?;
        Ok((issuer.identity(&claims)?, claims.expires))
    }

    /// The same, and fetches keys first where that is due. Blocks as long as the source does.
    ///
    /// # Errors
    /// When the token is no proof.
    pub fn fetch_and_prove(
        &mut self,
        shown: &str,
        at: Instant,
        source: impl FnOnce(&str) -> Box<dyn KeySource>,
    ) -> Result<Identity, ProofFailure> {
        if let Some(name) = self.fetch_due(shown, at).map(str::to_owned) {
            let fetched = source(&name).fetch();
            self.take(&name, fetched, at);
        }
        self.prove(shown, at)
    }
}
