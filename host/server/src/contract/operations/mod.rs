//! What each route is for, in the order of the table. One function for a route, named after it.

pub(crate) mod districts;
pub(crate) mod events;
pub(crate) mod host;
pub(crate) mod policies;

use muster_kernel::Role;

use super::parameter::{POSITION_MAX, Parameter, Place, Values};
use crate::registers;

/// A parameter of a path, by its name in the table.
pub(super) fn path_parameter(name: &str) -> Parameter {
    let (name, values, about) = match name {
        "district" => ("district", Values::Name, "a district, or `NAME.exercise` for its drills"),
        "incident" => ("incident", Values::Name, "an incident by its id or by any of its names"),
        "register" => ("register", Values::Words(registers::NAMES.to_vec()), "a register 台账"),
        "source" => ("source", Values::Name, "a source, as `[intake.NAME]` names it"),
        "seq" => ("seq", Values::Whole(0, POSITION_MAX), "the position of an entry, from 1"),
        "role" => ("role", Values::Words(Role::ALL.iter().map(|role| role.as_str()).collect()), "the role of a policy"),
        "digest" => ("digest", Values::Form("^[0-9a-f]{64}$"), "the digest of a backtest's report"),
        "token" => ("token", Values::Form("^[0-9a-f]{16}$"), "the id of a token: the 16 digits after `muster_`"),
        "id" => ("id", Values::Name, "the identity of a message, its strokes as `%2F`"),
        "act" => ("act", Values::Words(vec!["receipt", "replay", "discard"]), "what is done to it"),
        "recipient" => ("recipient", Values::Name, "a recipient, as the settings name it"),
        "channel" => ("channel", Values::Name, "a channel of the recipient"),
        other => panic!("the path parameter `{other}` is not described"),
    };
    Parameter { name, place: Place::Path, values, about }
}
