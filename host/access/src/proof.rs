//! Why a proof failed. The log says it all; the caller hears one sentence, whatever it was: whoever guesses must not
//! learn that they guessed half.

use muster_kernel::Instant;

use crate::Words;
use crate::oidc::JwtError;
use crate::token::TokenId;

/// All that a caller hears whose proof failed, in Chinese and English.
pub const UNAUTHENTICATED: (&str, &str) =
    ("身份凭证无效；请使用有效的令牌或证书", "the credentials are not valid; show a valid token or certificate");

/// Why a proof failed, for the log. It holds ids and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFailure {
    /// Not in the form of anything that could be a proof.
    #[error("what was shown is neither a token of this host nor a signed token (JWT)")]
    Malformed,
    /// The form is right and the checksum is not: mistyped or cut off, not guessed.
    #[error("the checksum of token {0} is wrong: it was mistyped or cut off")]
    Checksum(TokenId),
    /// No token has this id.
    #[error("there is no token {0}")]
    UnknownToken(TokenId),
    /// The id is right and the secret is not.
    #[error("the secret shown for token {0} is wrong")]
    WrongSecret(TokenId),
    /// The token ran out.
    #[error("token {id} expired at {at}")]
    ExpiredToken {
        /// The token.
        id: TokenId,
        /// When it ran out.
        at: Instant,
    },
    /// The token was revoked.
    #[error("token {id} was revoked at {at}")]
    RevokedToken {
        /// The token.
        id: TokenId,
        /// When.
        at: Instant,
    },
    /// A signed token that does not hold.
    #[error("the signed token does not hold: {0}")]
    Jwt(#[from] JwtError),
    /// A client certificate that stands for nobody.
    #[error("the client certificate stands for nobody in the settings: {0}; add it to [[access.client_certificate]]")]
    UnknownCertificate(String),
}

impl ProofFailure {
    /// What the caller hears: the same for all.
    pub fn outward(&self) -> Words {
        Words::new(UNAUTHENTICATED.0, UNAUTHENTICATED.1)
    }

    /// The token that was named, when one was.
    pub const fn token(&self) -> Option<TokenId> {
        match self {
            Self::Checksum(id)
            | Self::UnknownToken(id)
            | Self::WrongSecret(id)
            | Self::ExpiredToken { id, .. }
            | Self::RevokedToken { id, .. } => Some(*id),
            Self::Malformed | Self::Jwt(_) | Self::UnknownCertificate(_) => None,
        }
    }

    /// A short name for counters.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Checksum(_) => "checksum",
            Self::UnknownToken(_) => "unknown_token",
            Self::WrongSecret(_) => "wrong_secret",
            Self::ExpiredToken { .. } => "expired_token",
            Self::RevokedToken { .. } => "revoked_token",
            Self::Jwt(_) => "signed_token",
            Self::UnknownCertificate(_) => "unknown_certificate",
        }
    }
}

/// What a request shows in its header `Authorization`, by the scheme `Bearer` (RFC 6750, section 2.1).
///
/// A token never comes in an address: addresses are logged and passed on.
///
/// # Errors
/// When the header is of another scheme or form.
pub fn bearer(header: &str) -> Result<&str, ProofFailure> {
    let (scheme, token) = header.split_once(' ').ok_or(ProofFailure::Malformed)?;
    let is_token = |token: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        !token.is_empty() && token.len() <= crate::oidc::JWT_BYTES_MAX && token.bytes().all(letter)
    };
    let token = token.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && is_token(token) { Ok(token) } else { Err(ProofFailure::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_scheme_with_one_token_is_read() {
        assert_eq!(bearer("Bearer muster_0a"), Ok("muster_0a"));
        assert_eq!(bearer("bearer  eyJ.e30.x-_"), Ok("eyJ.e30.x-_"));
        for wrong in
            ["", "Bearer", "Bearer ", "Basic bXVzdGVy", "Bearer a b", "Bearer a,b", "Bearer a\r\nb", "muster_0a"]
        {
            assert_eq!(bearer(wrong), Err(ProofFailure::Malformed), "{wrong:?}");
        }
        assert!(bearer(&format!("Bearer {}", "a".repeat(crate::oidc::JWT_BYTES_MAX + 1))).is_err());
    }
}
