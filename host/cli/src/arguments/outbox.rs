//! What can be asked about deliveries, and done about them.

use clap::{Args, Subcommand};

use super::Lang;

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// How every recipient stands, and by which channels it is reached
    Status {
        /// Language of the text
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// Messages that reached nobody, and why
    DeadLetters {
        /// Only this recipient's
        #[arg(long)]
        recipient: Option<String>,
        /// Language of the text
        #[arg(long, value_enum)]
        lang: Option<Lang>,
    },
    /// Send dead letters again
    Replay {
        /// Identities of messages
        #[arg(required = true)]
        messages: Vec<String>,
        #[command(flatten)]
        actor: Actor,
    },
    /// Take a dead letter, or the message that its recipient stands still at, out for good
    Discard {
        /// The identity of the message
        message: String,
        #[command(flatten)]
        actor: Actor,
    },
    /// The recipient has read the message
    Receipt {
        /// The identity of the message
        message: String,
        #[command(flatten)]
        actor: Actor,
    },
    /// Switch a channel on again that was switched off
    Enable {
        /// Whose channel
        recipient: String,
        /// Which
        channel: String,
        #[command(flatten)]
        actor: Actor,
    },
    /// Give up what is kept of a recipient that the settings do not name any more
    Forget {
        /// Which
        recipient: String,
        #[command(flatten)]
        actor: Actor,
    },
}

/// Who acts, and why.
#[derive(Debug, Args)]
pub(crate) struct Actor {
    /// Who acts
    #[arg(long, env = "MUSTER_PERSON")]
    pub(crate) by: String,
    /// Why; nothing is discarded without it
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Language of the text
    #[arg(long, value_enum)]
    pub(crate) lang: Option<Lang>,
}
