//! The corpus: questions made from a seed, for every role, that are the same on every machine.
//!
//! A case follows from seed, role, nature and number alone, so a finding that names one can be looked at by itself. It
//! knows nothing of the package that will be asked: results of two packages over one corpus can be compared.

mod draw;
pub(crate) mod events;
mod questions;
pub(crate) mod scene;

use muster_kernel::Role;
use serde::Serialize;

pub(crate) use draw::Draw;
pub(crate) use questions::Question;

/// In how good faith a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Well-formed, and of the kind that a district sees every day: a package must answer it.
    Everyday,
    /// Well-formed, and at the edge: unknown values, extreme numbers and instants, many candidates.
    Unusual,
    /// Meant to break the package. It may fail, by a failure that has a name.
    Hostile,
}

impl Nature {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyday => "everyday",
            Self::Unusual => "unusual",
            Self::Hostile => "hostile",
        }
    }
}

/// Makes the cases of one seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corpus {
    pub(crate) seed: u64,
    /// Everyday and unusual questions a role; hostile ones come on top, a fifth as many.
    pub(crate) questions: usize,
}

/// One question, and what it is called in findings.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) nature: Nature,
    pub(crate) question: Question,
}

impl Corpus {
    /// The cases of a role, each made when it is wanted: hostile ones are large.
    pub(crate) fn cases(self, role: Role) -> impl Iterator<Item = Case> {
        let ordinary = (0..self.questions).map(move |number| {
            let nature = if number % 5 < 3 { Nature::Everyday } else { Nature::Unusual };
            self.case(role, nature, number)
        });
        let hostile = (0..self.questions.div_ceil(5)).map(move |number| self.case(role, Nature::Hostile, number));
        ordinary.chain(hostile)
    }

    /// One case.
    pub(crate) fn case(self, role: Role, nature: Nature, number: usize) -> Case {
        let name = format!("{role}/{}/{number}", nature.as_str());
        let mut draw = Draw::of(&format!("{}/{name}", self.seed));
        let question = Question::draw(&mut draw, role, nature, number);
        Case { name, nature, question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_can_be_had_again_by_itself_and_another_seed_makes_another() {
        let corpus = Corpus { seed: 1, questions: 50 };
        for role in Role::ALL {
            for case in corpus.cases(*role).skip(7).step_by(9) {
                let number = case.name.rsplit('/').next().and_then(|number| number.parse().ok()).expect("a number");
                let again = corpus.case(*role, case.nature, number);
                assert_eq!(format!("{:?}", case.question), format!("{:?}", again.question));
            }
            let other = Corpus { seed: 2, ..corpus };
            let texts = |corpus: Corpus| -> Vec<String> {
                corpus.cases(*role).take(10).map(|case| format!("{:?}", case.question)).collect()
            };
            assert_ne!(texts(corpus), texts(other));
        }
    }

    #[test]
    fn every_nature_and_every_kind_of_question_is_in_it() {
        let corpus = Corpus { seed: 1, questions: 500 };
        let all = |role: Role| -> String {
            let texts: Vec<String> = corpus.cases(role).map(|case| format!("{:?}", case.question)).collect();
            texts.join("\n")
        };
        let discretion = all(Role::Discretion);
        for subject in ["Spend(", "Measure(", "Callout(", "Grant(", "Level(", "Mode("] {
            assert!(discretion.contains(subject), "no {subject}");
        }
        assert!(discretion.contains(&i64::MAX.to_string()), "no largest amount");
        let escalation = all(Role::Escalation);
        for matter in ["Incident(", "Watch(", "None", "Timer {", "Event("] {
            assert!(escalation.contains(matter), "no {matter}");
        }
        let triage: Vec<usize> = corpus
            .cases(Role::Triage)
            .map(|case| match case.question {
                Question::Triage(question) => question.candidates.len(),
                _ => panic!("not triage"),
            })
            .collect();
        assert!(triage.contains(&0) && triage.contains(&32), "0 and 32 candidates");
        assert_eq!(corpus.cases(Role::Workflow).filter(|case| case.nature == Nature::Hostile).count(), 100);
    }
}
