//! Public feedback (群众诉求): a resident's case, its first contact, its answer, and what the resident says of it.

use alloc::format;
use alloc::string::ToString;

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::Because;
use crate::record::Fact;
use crate::state::Case;
use crate::value::{find, find_integer, find_text};
use crate::{CaseId, Event, FeedbackClass, Value};

impl Deciding<'_> {
    pub(super) fn feedback_received(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let case = case_of(event)?;
        if self.state.cases.contains(&case) {
            return Err(Because::new(
                "host:feedback",
                format!("诉求 {case} 已登记"),
                format!("there is a case `{case}` already"),
            ));
        }
        let word = ["class", "category", "urgency"].iter().find_map(|key| find_text(&event.attributes, key));
        let class = word.and_then(FeedbackClass::parse).unwrap_or(FeedbackClass::General);
        let within = self.state.charter().and_then(|charter| charter.clocks.feedback.get(&class).copied());
        let Some(within) = within else {
            return Err(Because::new(
                "host:feedback",
                format!("本辖区未设「{class}」类诉求的时限"),
                format!("this district sets no clock for feedback of the class `{class}`"),
            ));
        };
        let hours = within.as_minutes() / 60;
        let because = Because::new(
            "F",
            format!("{class} 类诉求:{hours} 小时内首次联系"),
            format!("feedback of the class {class}: first contact within {hours} h"),
        );
        let items = find_integer(&event.attributes, "items").and_then(|items| u32::try_from(items).ok()).unwrap_or(1);
        self.record(Fact::FeedbackOpened {
            case,
            incident: located.incident.clone(),
            node: event.node.clone(),
            class,
            topic: ["topic", "text"].iter().find_map(|key| find_text(&event.attributes, key)).map(ToString::to_string),
            items: items.max(1),
            contact_by: event.occurred + within,
            because,
        });
        Ok(())
    }

    fn case(&self, event: &Event) -> Result<(CaseId, Case), Because> {
        let case = case_of(event)?;
        let row = self.state.cases.get(&case).cloned().ok_or_else(|| {
            Because::new("host:unknown-case", format!("没有诉求 {case}"), format!("there is no case `{case}`"))
        })?;
        self.check_concerned(event, &row.node, [])?;
        Ok((case, row))
    }

    pub(super) fn feedback_contacted(&mut self, event: &Event) -> Result<(), Because> {
        let (case, row) = self.case(event)?;
        if row.contacted.is_some() {
            return Err(Because::new("host:feedback", "该诉求已首次联系", "the resident was contacted before"));
        }
        self.contacted(event, case, &row);
        Ok(())
    }

    fn contacted(&mut self, event: &Event, case: CaseId, row: &Case) {
        self.record(Fact::FeedbackContacted {
            case,
            occurred: event.occurred,
            due: row.contact_by,
            on_time: event.occurred <= row.contact_by,
            by: event.source.clone(),
        });
    }

    pub(super) fn feedback_resolved(&mut self, event: &Event) -> Result<(), Because> {
        let (case, row) = self.case(event)?;
        if row.resolved == Some(true) {
            return Err(Because::new("host:feedback", "该诉求已办结", "the case has been resolved"));
        }
        if row.contacted.is_none() {
            self.contacted(event, case.clone(), &row);
        }
        let resolved = find(&event.attributes, "resolved") != Some(&Value::Flag(false));
        let (occurred, by) = (event.occurred, event.source.clone());
        self.record(Fact::FeedbackResolved { case: case.clone(), occurred, resolved, by });
        // Who calls back after others handled the case may report what the resident said.
        let called_back = row.handled_by.as_ref().is_some_and(|by| *by != event.source);
        if let Some(satisfied) = satisfaction(event).filter(|_| called_back && row.satisfied.is_none()) {
            self.record(Fact::FeedbackRated { case, occurred, satisfied });
        }
        Ok(())
    }

    /// The resident says how it was. Who handled the case does not rate it.
    pub(super) fn feedback_rated(&mut self, event: &Event) -> Result<(), Because> {
        let (case, row) = self.case(event)?;
        if row.satisfied.is_some() {
            return Err(Because::new("host:feedback", "该诉求已评价", "the case has been rated"));
        }
        if row.handled_by.as_deref() == Some(event.source.as_str()) {
            return Err(Because::new(
                "host:own-feedback",
                "承办方不能评价自己办理的诉求",
                "who handled a case does not rate it",
            ));
        }
        let Some(satisfied) = satisfaction(event) else {
            return Err(required(event, "rating").err().unwrap_or_default());
        };
        if let (Some(Value::Flag(resolved)), None) = (find(&event.attributes, "resolved"), row.resolved) {
            let resolved = *resolved;
            let by = event.source.clone();
            self.record(Fact::FeedbackResolved { case: case.clone(), occurred: event.occurred, resolved, by });
        }
        self.record(Fact::FeedbackRated { case, occurred: event.occurred, satisfied });
        Ok(())
    }

    pub(super) fn feedback_overdue(&mut self, case: &CaseId) {
        let Some(row) = self.state.cases.get(case).cloned() else { return };
        let because = Because::new(
            "F",
            format!("{} 类诉求未在 {} 前首次联系", row.class, self.local(row.contact_by)),
            format!("no first contact by {} with a resident of the class {}", self.local(row.contact_by), row.class),
        );
        self.record(Fact::FeedbackOverdue { case: case.clone(), due: row.contact_by, because: because.clone() });
        let subject = Self::subject_of("feedback", case.as_str());
        self.overdue_finding("FEEDBACK-OVERDUE", row.incident, row.node, subject, row.contact_by, because);
    }
}

/// What the resident said: yes or no, or four and more of five stars.
fn satisfaction(event: &Event) -> Option<bool> {
    if let Some(Value::Flag(satisfied)) = find(&event.attributes, "satisfied") {
        return Some(*satisfied);
    }
    let stars = ["rating", "score"].iter().find_map(|key| find_integer(&event.attributes, key));
    stars.map(|stars| stars >= 4)
}

fn case_of(event: &Event) -> Result<CaseId, Because> {
    let named = ["case", "feedback", "ticket"].iter().find_map(|key| find_text(&event.attributes, key));
    named.map(CaseId::from).ok_or_else(|| {
        Because::new("host:incomplete", "事件缺少字段 data.case", "the event lacks the text `data.case`")
    })
}
