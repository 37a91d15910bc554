//! The contract's imports and exports for a module that is called directly: the same functions over the same context as for a
//! component, with their parameters as the canonical ABI flattens them. An address, a length, a case: all are the guest's word
//! and go through [`Taking`].

use wasmtime::{AsContextMut, Caller, Linker, Result, Trap, bail};

use super::bindings::muster::policy as contract;
use super::settings;
use super::wit;
use crate::canonical::{Give, Giving, Take, Taking, no_guest, no_such_case};
use crate::context::Context;

/// A guest that asks, with its store.
type Asking<'a> = Caller<'a, Context>;

/// Reads a question and has it answered.
fn ask<T>(guest: &mut Asking<'_>, run: impl FnOnce(&mut Taking<'_>, &mut Context) -> Result<T>) -> Result<T> {
    let context = guest.data();
    if !context.may_leave() {
        bail!(Trap::CannotLeaveComponent);
    }
    let memory = context.guest.as_ref().map(|guest| guest.memory).ok_or_else(no_guest)?;
    let (memory, context) = memory.data_and_store_mut(guest.as_context_mut());
    let transfer = context.transfer();
    run(&mut Taking::new(memory, transfer), context)
}

/// The same, and writes the answer to where the guest wants it.
fn answer<T: Give>(
    guest: &mut Asking<'_>,
    at: u32,
    run: impl FnOnce(&mut Taking<'_>, &mut Context) -> Result<T>,
) -> Result<()> {
    let given = ask(guest, run)?;
    Giving::to(guest.as_context_mut(), |giving| giving.value_at(at, &given))
}

/// A text that may be absent, as three parameters.
fn optional(guest: &mut Taking<'_>, (case, at, length): (u32, u32, u32)) -> Result<Option<String>> {
    match case {
        0 => Ok(None),
        1 => guest.text(at, length).map(|text| Some(text.to_owned())),
        _ => bail!("invalid option discriminant"),
    }
}

/// A case without a value, as a parameter.
fn case<T: Take>(guest: &mut Taking<'_>, case: u32) -> Result<T> {
    let Ok(byte) = u8::try_from(case) else { return no_such_case(case) };
    T::take(guest, &[byte])
}

/// A value, as three parameters.
fn value(guest: &mut Taking<'_>, (case, first, second): (u32, i64, u32)) -> Result<wit::Value> {
    /// The low half of a parameter that has room for more.
    fn low(number: i64) -> u32 {
        u32::try_from(number & 0xffff_ffff).unwrap_or_default()
    }
    Ok(match case {
        0 => wit::Value::Unknown,
        1 => wit::Value::Flag(low(first) != 0),
        2 => wit::Value::Integer(first),
        3 => wit::Value::Decimal(wit::Decimal { unscaled: first, scale: byte(second) }),
        4 => wit::Value::Text(guest.text(low(first), second)?.to_owned()),
        5 => wit::Value::Instant(first),
        other => return no_such_case(other),
    })
}

/// A byte, as a parameter.
fn byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// Links what a module may import.
pub(crate) fn link(linker: &mut Linker<Context>) -> Result<()> {
    log(linker)?;
    settings_of(linker)?;
    roster(linker)?;
    calendar(linker)?;
    memory(linker)?;
    incidents(linker)?;
    resources(linker)
}

fn log(linker: &mut Linker<Context>) -> Result<()> {
    use contract::log::Host as _;
    linker.func_wrap("log", "write", |mut guest: Asking<'_>, severity: u32, at: u32, length: u32| {
        ask(&mut guest, |taking, context| {
            let severity = case(taking, severity)?;
            let message = taking.text(at, length)?.to_owned();
            context.write(severity, message)
        })
    })?;
    Ok(())
}

fn settings_of(linker: &mut Linker<Context>) -> Result<()> {
    linker.func_wrap("settings", "get", |mut guest: Asking<'_>, at: u32, length: u32, to: u32| {
        answer(&mut guest, to, |taking, context| settings::get(context, taking.text(at, length)?))
    })?;
    linker.func_wrap(
        "settings",
        "rows",
        |mut guest: Asking<'_>, at: u32, length: u32, matching: u32, count: u32, to: u32| {
            answer(&mut guest, to, |taking, context| {
                let table = taking.text(at, length)?;
                settings::rows(context, table, taking.list(matching, count)?)
            })
        },
    )?;
    Ok(())
}

fn roster(linker: &mut Linker<Context>) -> Result<()> {
    use contract::roster::Host as _;
    linker.func_wrap("roster", "find", |mut guest: Asking<'_>, at: u32, length: u32, to: u32| {
        answer(&mut guest, to, |taking, context| context.find(taking.text(at, length)?.to_owned()))
    })?;
    linker.func_wrap("roster", "at-tier", |mut guest: Asking<'_>, at: u32, length: u32, tier: u32, to: u32| {
        answer(&mut guest, to, |taking, context| {
            let code = taking.text(at, length)?.to_owned();
            context.at_tier(code, case(taking, tier)?)
        })
    })?;
    linker.func_wrap("roster", "below", |mut guest: Asking<'_>, at: u32, length: u32, tier: u32, to: u32| {
        answer(&mut guest, to, |taking, context| {
            let code = taking.text(at, length)?.to_owned();
            context.below(code, case(taking, tier)?)
        })
    })?;
    linker.func_wrap(
        "roster",
        "department",
        |mut guest: Asking<'_>, at: u32, length: u32, service: u32, service_length: u32, to: u32| {
            answer(&mut guest, to, |taking, context| {
                let code = taking.text(at, length)?.to_owned();
                context.department(code, taking.text(service, service_length)?.to_owned())
            })
        },
    )?;
    Ok(())
}

fn calendar(linker: &mut Linker<Context>) -> Result<()> {
    use contract::calendar::Host as _;
    linker.func_wrap("calendar", "local", |mut guest: Asking<'_>, at: i64, to: u32| {
        answer(&mut guest, to, |_, context| context.local(at))
    })?;
    linker.func_wrap("calendar", "next-clock", |mut guest: Asking<'_>, after: i64, hour: u32, minute: u32| {
        ask(&mut guest, |_, context| context.next_clock(after, byte(hour), byte(minute)))
    })?;
    linker.func_wrap("calendar", "add-working-days", |mut guest: Asking<'_>, start: i64, days: u32| {
        ask(&mut guest, |_, context| context.add_working_days(start, days))
    })?;
    Ok(())
}

fn memory(linker: &mut Linker<Context>) -> Result<()> {
    use contract::memory::Host as _;
    linker.func_wrap("memory", "get", |mut guest: Asking<'_>, at: u32, length: u32, to: u32| {
        answer(&mut guest, to, |taking, context| context.get(taking.text(at, length)?.to_owned()))
    })?;
    linker.func_wrap(
        "memory",
        "set",
        |mut guest: Asking<'_>, at: u32, length: u32, case: u32, first: i64, second: u32| {
            ask(&mut guest, |taking, context| {
                let key = taking.text(at, length)?.to_owned();
                context.set(key, value(taking, (case, first, second))?)
            })
        },
    )?;
    Ok(())
}

/// A question of `facts` about one thing by its id, and the list or record that answers it.
macro_rules! about {
    ($linker:ident $($function:literal $method:ident)+) => {$(
        $linker.func_wrap("facts", $function, |mut guest: Asking<'_>, at: u32, length: u32, to: u32| {
            answer(&mut guest, to, |taking, context| context.$method(taking.text(at, length)?.to_owned()))
        })?;
    )+};
}

fn incidents(linker: &mut Linker<Context>) -> Result<()> {
    use contract::facts::Host as _;
    about! { linker
        "find-incident" find_incident
        "children" children
        "responses" responses
        "open-call-outs" open_call_outs
        "measures" measures
        "tasks" tasks
    }
    linker.func_wrap(
        "facts",
        "warnings",
        |mut guest: Asking<'_>, at: u32, length: u32, case: u32, hazard: u32, hazard_length: u32, to: u32| {
            answer(&mut guest, to, |taking, context| {
                let node = taking.text(at, length)?.to_owned();
                context.warnings(node, optional(taking, (case, hazard, hazard_length))?)
            })
        },
    )?;
    linker.func_wrap(
        "facts",
        "warning-history",
        |mut guest: Asking<'_>, at: u32, length: u32, hazard: u32, hazard_length: u32, since: i64, to: u32| {
            answer(&mut guest, to, |taking, context| {
                let node = taking.text(at, length)?.to_owned();
                context.warning_history(node, taking.text(hazard, hazard_length)?.to_owned(), since)
            })
        },
    )?;
    Ok(())
}

fn resources(linker: &mut Linker<Context>) -> Result<()> {
    use contract::facts::Host as _;
    about! { linker
        "find-request" find_request
        "find-offer" find_offer
        "grants" grants
    }
    linker.func_wrap("facts", "call-outs-issued", |mut guest: Asking<'_>, at: u32, length: u32, since: i64| {
        ask(&mut guest, |taking, context| context.call_outs_issued(taking.text(at, length)?.to_owned(), since))
    })?;
    linker.func_wrap("facts", "spent", |mut guest: Asking<'_>, filter: u32, to: u32| {
        answer(&mut guest, to, |taking, context| context.spent(taking.handed_over(filter)?))
    })?;
    Ok(())
}
