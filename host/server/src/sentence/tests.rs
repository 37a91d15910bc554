//! Sentences that somebody acts on: a number is never without what it counts, a label never says what did not happen.

use muster_kernel::act::{Because, SpendRequest, Warning};
use muster_kernel::record::{Fact, Posting, SpendVerdict, WarningChange};
use muster_kernel::state::AwardState;
use muster_kernel::{AwardStatus, Colour, Currency, Instant, State};

use super::of;
use crate::language::Language;

/// A district that keeps its books in yuan, with an award of money and one of points.
fn district() -> State {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"
district = "mydistrict"
root = "990100"
name = { zh = "示例市", en = "Example" }
utc_offset = "+08:00"
currency = "CNY"
[levels]
provisional_max = "III"
[grants]
multiplier_max_permille = 1000
hours_max = 72
carries_from = "street"
[times]
callout_match_minutes = 10
identity_days = 30
approval_wait_minutes = 120
[[node]]
code = "990100"
name = "示例市"
tier = "city"
"#;
    std::fs::write(folder.path().join("district.toml"), text).expect("written");
    let mut state = State::default();
    state.core.charter = Some(muster_runtime::folder::read(folder.path()).expect("a district").charter);
    // What the charter's nodes are looked up by is made by the fold; here codes stand for names.
    for (award, currency) in [("a-money", Currency::Money), ("a-points", Currency::Points)] {
        let row = AwardState {
            incident: None,
            to: "team-3".into(),
            currency,
            amount: 50_000,
            status: AwardStatus::Pending,
            booked: at(),
        };
        state.awards.put(award.into(), row);
    }
    state
}

fn at() -> Instant {
    Instant::parse("2021-07-19T13:59:00Z").expect("an instant")
}

fn because() -> Because {
    Because::new("host:test", "测试", "a test")
}

/// Label and sentence in both languages.
fn said(fact: &Fact) -> [String; 2] {
    let state = district();
    [Language::Chinese, Language::English].map(|language| {
        let said = of(fact, &state, language);
        format!("{} | {}", said.label, said.text)
    })
}

#[test]
fn an_award_names_what_it_counts() {
    let decided = |award: &str| Fact::AwardDecided {
        award: award.into(),
        incident: None,
        to: "team-3".into(),
        amount: 50_000,
        status: AwardStatus::Settled,
        by: "li".into(),
        because: because(),
    };
    assert_eq!(
        said(&decided("a-money")),
        ["奖励 | li:team-3 的 500.00 CNY 已入账", "award | li: 500.00 CNY of team-3 booked"]
    );
    assert_eq!(
        said(&decided("a-points")),
        ["奖励 | li:team-3 的 50000 积分 已入账", "award | li: 50000 points of team-3 booked"]
    );
    // Without its row nobody knows which of the two it is: no number then.
    assert_eq!(
        said(&decided("a-gone")),
        ["奖励 | li:team-3 的 奖励 a-gone 已入账", "award | li: the award a-gone of team-3 booked"]
    );
    let booked = |currency| Fact::AwardBooked {
        award: "a-new".into(),
        incident: None,
        service: "s-1".into(),
        to: "team-3".into(),
        currency,
        amount: 50_000,
        per_head: 50_000,
        status: AwardStatus::Pending,
        because: because(),
    };
    let [chinese, english] = said(&booked(Currency::Money));
    assert_eq!(chinese, "奖励 | team-3 获 500.00 CNY,待预算审核");
    assert_eq!(english, "award | team-3 earned 500.00 CNY: waits for the budget check");
    assert_eq!(said(&booked(Currency::Points))[0], "奖励 | team-3 获 50000 积分,待预算审核");
    let ledger = Fact::LedgerBooked {
        currency: Currency::Points,
        postings: vec![Posting { account: "account:team-3".into(), amount: 200 }],
        memo: "award".into(),
        incident: None,
    };
    assert_eq!(said(&ledger), ["记账 | award: account:team-3 200 积分", "booked | award: account:team-3 200 points"]);
}

#[test]
fn a_label_alone_says_what_happened() {
    let frozen = |frozen| Fact::PowerFrozen {
        node: "990100".into(),
        power: "spend".into(),
        frozen,
        by: "audit".into(),
        because: because(),
    };
    assert_eq!(
        said(&frozen(true)),
        ["冻结 | audit 冻结 990100 的 spend 权", "frozen | audit freezes the power `spend` of 990100"]
    );
    assert_eq!(
        said(&frozen(false)),
        ["恢复 | audit 恢复 990100 的 spend 权", "restored | audit restores the power `spend` of 990100"]
    );
    let decided = |approved| Fact::ApprovalDecided {
        spend: "s-1".into(),
        incident: None,
        approved,
        covered_by: None,
        by: "li".into(),
        because: because(),
    };
    assert_eq!(said(&decided(true)), ["签批 | li 签批 s-1", "signed | li signed s-1"]);
    assert_eq!(said(&decided(false)), ["不同意 | li 不同意 s-1", "refused | li refused s-1"]);
    let refused = Fact::SpendRuled {
        spend: "s-1".into(),
        incident: None,
        by: "urn:li".into(),
        request: SpendRequest {
            id: "s-1".into(),
            node: "990100".into(),
            category: "pump_rental".into(),
            vendor: None,
            amount: 18_600_000,
            quotes: None,
            life_safety: false,
            reason: None,
        },
        verdict: SpendVerdict::Refused,
        reserved: 0,
        limits: Vec::new(),
        duties: Vec::new(),
        grant: None,
        signature_by: None,
        decide_by: None,
        because: because(),
    };
    assert_eq!(
        said(&refused),
        [
            "不予支出 | 不予 990100 支出 186,000.00 CNY(pump_rental)",
            "spend refused | 186,000.00 CNY for pump_rental by 990100 is refused"
        ]
    );
    let over = Fact::GrantExpired { grant: "g-1".into(), incident: None, node: "990100".into(), because: because() };
    assert_eq!(said(&over), ["授权到期 | 990100 的授权到期失效", "grant over | the grant of 990100 has expired"]);
}

#[test]
fn a_warning_that_is_lifted_does_not_read_as_one_more() {
    let recorded = |change, colour, supersedes| Fact::WarningRecorded {
        incident: None,
        warning: Warning {
            hazard: "rainstorm".into(),
            node: "990100".into(),
            colour,
            issued: at(),
            expires: None,
            source: "urn:weather".into(),
        },
        change,
        supersedes,
    };
    assert_eq!(
        said(&recorded(WarningChange::New, Some(Colour::Red), None)),
        ["预警 | 990100 rainstorm 红色预警(urn:weather)", "warning | red rainstorm warning for 990100 (urn:weather)"]
    );
    let lifted = [
        "预警解除 | 990100 rainstorm 预警解除(urn:weather)",
        "warning lifted | the rainstorm warning for 990100 is lifted (urn:weather)",
    ];
    assert_eq!(said(&recorded(WarningChange::Cancelled, None, None)), lifted);
    assert_eq!(said(&recorded(WarningChange::Cancelled, None, Some(vec![3]))), lifted);
    assert_eq!(
        said(&recorded(WarningChange::Cancelled, None, Some(Vec::new()))),
        [
            "预警解除 | urn:weather 解除的 990100 rainstorm 预警在此未生效,不作变更",
            "warning lifted | urn:weather lifts a rainstorm warning for 990100 that is not in force here; nothing changed"
        ]
    );
}
