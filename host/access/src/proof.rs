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
