//! When a row of a table applies to an event. Unknown meets no condition.

use muster_sdk::settings::Row;
use muster_sdk::{Attributes, Event, Number};

/// Whether every condition of the row holds: `field` with `at_least`, `below` or `over_field`, and `is`.
pub(crate) fn holds(row: &Row, event: &Event) -> bool {
    threshold(row, event) && equalities(row, event)
}

fn threshold(row: &Row, event: &Event) -> bool {
    let Some(field) = row.text("field") else { return true };
    let Some(value) = event.number(field) else { return false };
    let at_least = |wanted: Number| value >= wanted;
    row.number("at_least").is_none_or(at_least)
        && row.number("below").is_none_or(|wanted| value < wanted)
        && row.text("over_field").is_none_or(|other| event.number(other).is_some_and(|limit| value > limit))
}

/// `is = "closed=false asset=road_tunnel"`: each field must show exactly this value.
fn equalities(row: &Row, event: &Event) -> bool {
    let Some(list) = row.text("is") else { return true };
    list.split_whitespace().all(|pair| {
        let Some((field, wanted)) = pair.split_once('=') else { return false };
        event.display(field).as_deref() == Some(wanted)
    })
}
