//! Service of teams and volunteers: checked in, checked out, verified by someone else, settled by incentives.
//!
//! Incentives fail late: when the policy fails the service is kept unsettled and nothing is booked.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::Because;
use crate::record::{Fact, Fallback};
use crate::role::incentives::{Award, Service};
use crate::value::{Value, find, find_integer, find_text};
use crate::{Event, Role, calendar, facts};

impl Deciding<'_> {
    pub(super) fn service_started(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let team = who(event)?.to_string();
        let service = service_id(event, &team);
        if self.state.services.contains(&service) {
            return Err(Because::new("host:service", "该队伍已签到,尚未签退", "this team is checked in already"));
        }
        let headcount = headcount(event)?;
        self.record(Fact::ServiceStarted {
            service,
            incident: located.incident.clone(),
            team,
            headcount,
            occurred: event.occurred,
        });
        Ok(())
    }

    pub(super) fn service_ended(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let team = who(event)?.to_string();
        let id = service_id(event, &team);
        let Some(begun) = self.state.services.get(&id).cloned() else {
            return Err(Because::new("host:service", "该队伍没有签到记录", "this team has not checked in"));
        };
        let verified_by = find_text(&event.attributes, "verified_by").map(ToString::to_string);
        let own = |verifier: &str| verifier.split('/').any(|part| part == team);
        if verified_by.as_deref().is_none_or(own) {
            return Err(Because::new(
                "host:no-self-verification",
                "服务须由他人核实",
                "service must be verified by someone else",
            ));
        }
        let day = calendar::day_number(self.state, event.occurred);
        let service = Service {
            headcount: headcount(event)?,
            ended: event.occurred.max(begun.started),
            task: find_text(&event.attributes, "task").map(ToString::to_string),
            incident: located.incident.as_ref().map(ToString::to_string),
            hazardous: find(&event.attributes, "hazardous") == Some(&Value::Flag(true)),
            mode: facts::mode_at(self.state, event.node.as_str(), event.occurred),
            exercise: event.exercise,
            verified_by,
            settled_today: self.state.settled.get(&(team, day)).copied().unwrap_or_default(),
            ..begun
        };
        let now = self.moment.at;
        let answer = self.ask(
            Role::Incentives,
            &mut |policies, binding, state| policies.incentives(binding, state, now, &service),
            |_, _: &Vec<Award>| Ok(()),
        );
        match answer {
            Ok(awards) => {
                let incident = located.incident.clone();
                self.record(Fact::ServiceSettled { incident, service: service.clone(), awards: awards.clone() });
                self.book_awards(located.incident.as_ref(), &service, &awards);
            }
            Err(failure) => self.policy_failed(Role::Incentives, failure, Fallback::Later),
        }
        Ok(())
    }
}

/// Who serves: a team, or one person.
fn who(event: &Event) -> Result<&str, Because> {
    let named = ["team", "volunteer", "person"].iter().find_map(|key| find_text(&event.attributes, key));
    named.map_or_else(|| required(event, "team"), Ok)
}

fn service_id(event: &Event, team: &str) -> alloc::string::String {
    let of = |key: &str| find_text(&event.attributes, key);
    let parts: Vec<&str> = [Some(team), of("task"), of("shift")].into_iter().flatten().collect();
    parts.join("/")
}

fn headcount(event: &Event) -> Result<u32, Because> {
    let stated = find_integer(&event.attributes, "headcount").unwrap_or(1);
    u32::try_from(stated).ok().filter(|count| *count > 0).ok_or_else(|| {
        Because::new(
            "host:service",
            format!("人数 {stated} 无效"),
            format!("`headcount` is {stated}; it must be at least 1"),
        )
    })
}
