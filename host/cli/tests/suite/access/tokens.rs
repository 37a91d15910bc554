//! Tokens from the first to the last: made, used, listed, revoked, run out, guessed at, and on record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::access::fortress::{Fortress, id_of, mode};
use crate::support;

const STATUS: &str = "/v1/status";

fn supervisor() -> Json {
    json!([{"role": "supervisor", "district": "yunhe", "node": "990100"}])
}

#[test]
fn the_first_token_makes_another_and_ends() {
    let host = Fortress::start("");
    let first = std::fs::read_to_string(host.path("first-token")).expect("a token");
    assert_eq!(mode(&host.path("first-token")), 0o600);
    assert_eq!(mode(&host.path("data/access/tokens.json")), 0o600);
    assert_eq!(host.get(STATUS, Some(first.trim())).status, 401, "it was for one use");
    let register = std::fs::read_to_string(host.path("data/access/tokens.json")).expect("a register");
    assert!(!register.contains(&host.operator[24..88]), "the register keeps no secret");
    // Its making, its use and its end stand in the journal of every district.
    let reader = host.issue("auditor", supervisor(), &[]);
    for (kind, count) in [("access.token_bootstrapped", 1), ("access.token_revoked", 1), ("access.token_issued", 2)] {
        assert_eq!(host.recorded("yunhe", &reader, kind).len(), count, "{kind}");
    }
    let issued = host.recorded("yunhe", &reader, "access.token_issued");
    let whole = serde_json::to_string(&issued).expect("JSON");
    assert!(whole.contains("auditor") && whole.contains("olga"), "who, and by whom: {whole}");
    assert!(!whole.contains(&reader[24..88]) && !whole.contains("muster_"), "no secret is on record");
    assert!(issued.iter().all(|row| row["entry"]["calls"] == json!([])), "no policy is asked about tokens");
}

#[test]
fn a_revoked_token_is_refused_at_once_and_one_that_ran_out_too() {
    let host = Fortress::start("");
    let stolen = host.issue("wang", supervisor(), &[]);
    assert_eq!(host.get("/healthz", Some(&stolen)).status, 200);
    let path = format!("/v1/tokens/{}/revoke", id_of(&stolen));
    let answer = host.post(&path, Some(&host.operator), &json!({"reason": "the telephone was stolen"}));
    assert_eq!((answer.status, &answer.body["recorded"][0]["district"]), (200, &json!("yunhe")), "{}", answer.body);
    let refused = host.get("/healthz", Some(&stolen));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"muster\"");
    let reader = host.issue("auditor", supervisor(), &[]);
    let revoked = host.recorded("yunhe", &reader, "access.token_revoked");
    assert!(revoked.iter().any(|row| row.to_string().contains("the telephone was stolen")), "{revoked:?}");
    // A stranger hears the same, whatever it was.
    let never = format!("{}{}", &stolen[..23], &"_0123456789".repeat(8)[..73]);
    assert_eq!(host.get("/healthz", Some(&never)).body, refused.body);
    assert_eq!(host.get("/healthz", None).body, refused.body);

    let ends = muster_kernel::Instant::from_millis(now() + 3_000).to_string();
    let body = json!({"subject": "zhao", "bindings": supervisor(), "expires": ends});
    let answer = host.post("/v1/tokens", Some(&host.operator), &body);
    let short = answer.body["token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
    assert_eq!(host.get("/healthz", Some(&short)).status, 200);
    while now() < muster_kernel::Instant::parse(&ends).expect("an instant").as_millis() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(host.get("/healthz", Some(&short)).status, 401);
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("in range")
}

#[test]
fn those_who_guess_are_slowed_down_and_counted() {
    let host = Fortress::start("[access.guessing]\nfailures = 3\nrefill_seconds = 1\n");
    let mut wrong = host.operator.clone().into_bytes();
    wrong[40] = if wrong[40] == b'0' { b'1' } else { b'0' };
    let wrong = String::from_utf8(wrong).expect("text");
    let mut statuses = Vec::new();
    let mut wait = 0;
    while statuses.last() != Some(&429) {
        assert!(statuses.len() < 1_000, "whoever guesses is never slowed down");
        let answer = host.get(STATUS, Some(&wrong));
        assert!(matches!(answer.status, 401 | 429), "{}", answer.body);
        statuses.push(answer.status);
        if answer.status == 429 {
            assert_eq!(answer.body["type"], "urn:muster:problem:too-many-failed-proofs");
            wait = answer.headers["retry-after"].to_str().expect("text").parse::<u64>().expect("seconds");
        }
    }
    assert!(statuses.len() > 3, "three failures are let pass: {statuses:?}");
    std::thread::sleep(std::time::Duration::from_secs(wait));
    let access = host.get(STATUS, Some(&host.operator)).body["access"].clone();
    assert_eq!(access["failed_proofs"]["checksum"].as_u64(), Some(statuses.len() as u64 - 1), "{access}");
    assert!(access["throttled"].as_u64().is_some_and(|count| count >= 1), "{access}");
}

#[test]
fn the_command_line_issues_lists_and_revokes() {
    let host = Fortress::start("");
    let to = host.path("li.token").display().to_string();
    let issue = [
        "token",
        "issue",
        "--subject",
        "li",
        "--name",
        "李",
        "--role",
        "duty_officer",
        "--in",
        "yunhe",
        "--node",
        "990103901",
        "--source",
        "urn:app:muster:street:990103901",
        "--days",
        "30",
        "--to",
        &to,
    ];
    let (fine, said) = host.muster(&host.operator, &issue);
    assert!(fine, "{said}");
    let token = std::fs::read_to_string(&to).expect("a token").trim().to_owned();
    assert!(!said.contains(&token) && mode(&host.path("li.token")) == 0o600, "{said}");
    let (again, said) = host.muster(&host.operator, &issue);
    assert!(!again && said.contains("must not be there yet"), "{said}");
    let (fine, said) = host.muster(&host.operator, &["token", "list"]);
    assert!(fine && said.contains("li ") && said.contains("duty_officer yunhe 990103901"), "{said}");
    // With the file, too; and what is not permitted says what is missing.
    let (fine, said) = host.muster("", &["--token-file", &to, "show", "tasks", "--node", "990103901"]);
    assert!(fine, "{said}");
    let (fine, said) = host.muster(&token, &["token", "list"]);
    assert!(!fine && said.contains("it needs one of the roles operator"), "{said}");
    let (fine, said) = host.muster(&host.operator, &["token", "revoke", id_of(&token), "--reason", "left"]);
    assert!(fine && said.contains("yunhe at "), "{said}");
    let (fine, said) = host.muster(&token, &["show", "tasks", "--node", "990103901"]);
    assert!(!fine && said.contains("not authenticated"), "{said}");
    let wide =
        ["token", "issue", "--subject", "x", "--role", "commander", "--in", "yunhe", "--node", "1", "--days", "1"];
    let (fine, said) = host.muster(&host.operator, &wide);
    assert!(!fine && said.contains("bindings[0].node"), "{said}");
}

#[test]
fn nobody_sends_under_anothers_source_or_what_the_host_writes() {
    let host = Fortress::start("");
    let bindings = json!([{"role": "duty_officer", "district": "yunhe", "node": "990103"}]);
    let li = host.issue("li", bindings, &["urn:test:grid"]);
    let mut signal = support::signal("s-1", "990103901");
    let send = |event: &Json| host.post("/v1/districts/yunhe/events", Some(&li), event);
    assert_eq!(send(&signal).status, 200);
    signal["source"] = json!("urn:test:other");
    let refused = send(&signal);
    assert_eq!((refused.status, &refused.body["field"]), (403, &json!("source")), "{}", refused.body);
    let mut forged = support::signal("s-2", "990103901");
    forged["type"] = json!("gov.muster.access.token_issued");
    let refused = send(&forged);
    assert_eq!((refused.status, &refused.body["field"]), (403, &json!("type")), "{}", refused.body);
    // Each event of a batch is judged by itself.
    let batch = json!([support::signal("b-1", "990103901"), forged, support::warning("b-2", "990105", "red")]);
    let body = Some(("application/cloudevents-batch+json", &batch));
    let answer = host.ask("POST", "/v1/districts/yunhe/events", Some(&li), &[], body).body;
    assert!(answer[0]["receipt"].is_object(), "{answer}");
    for refused in [&answer[1], &answer[2]] {
        assert_eq!(refused["problem"]["type"], "urn:muster:problem:forbidden", "{answer}");
    }
    let zh = host.ask("GET", "/v1/tokens", Some(&li), &[("accept-language", "zh")], None).body;
    assert_eq!(zh["detail"], "不能管理令牌：需要以下角色之一：运维人员", "{zh}");
}

#[test]
fn what_one_person_may_not_do_alone_needs_a_second_one() {
    let rules = "[access.second_person]\npersons = { send_freeze = 2, release_policy = 2 }\n";
    let host = Fortress::start(rules);
    let source = "urn:org:cn:990103:audit";
    let [wang, zhao] = ["wang", "zhao"].map(|name| host.issue(name, supervisor(), &[source]));
    let freeze = json!({
        "specversion": "1.0", "id": "f-1", "source": source, "type": "gov.muster.power.frozen",
        "jurisdiction": "990103901", "data": {"powers": ["spend"], "reason": "an audit"},
    });
    let (path, yes) = ("/v1/districts/yunhe/events", "/v1/districts/yunhe/events/approval");
    let alone = host.post(path, Some(&wang), &freeze);
    let detail = alone.body["detail"].as_str().unwrap_or_default();
    assert!(alone.status == 403 && detail.contains("2 distinct persons"), "{}", alone.body);
    // Neither one's own yes nor another thing's counts.
    assert_eq!(host.post(yes, Some(&wang), &freeze).status, 200);
    let mut other = freeze.clone();
    other["data"]["powers"] = json!(["call"]);
    assert_eq!(host.post(yes, Some(&zhao), &other).status, 200);
    assert_eq!(host.post(path, Some(&wang), &freeze).status, 403);
    assert_eq!(host.post(yes, Some(&zhao), &freeze).status, 200);
    assert_eq!(host.post(path, Some(&wang), &freeze).status, 200);

    let releaser = json!([{"role": "policy_releaser", "district": "yunhe"}]);
    let [qian, sun] = ["qian", "sun"].map(|name| host.issue(name, releaser.clone(), &[]));
    let path = "/v1/districts/yunhe/policies/triage";
    let package = STANDARD.encode("no package");
    let activate =
        |by: &str, second: Option<&str>| json!({"action": "activate", "by": by, "second": second, "package": package});
    assert_eq!(host.post(path, Some(&qian), &activate("sun", None)).status, 403, "in another's name");
    assert_eq!(host.post(path, Some(&qian), &activate("qian", Some("sun"))).status, 403, "a name is no person");
    assert_eq!(host.post(&format!("{path}/approval"), Some(&sun), &activate("sun", None)).status, 200);
    // What came to nothing used nobody's yes up.
    for _ in 0..2 {
        let tried = host.post(path, Some(&qian), &activate("qian", Some("sun")));
        assert_eq!(tried.body["type"], "urn:muster:problem:policy-invalid", "it is no package: {}", tried.body);
    }
}

#[test]
fn a_yes_to_a_change_is_to_what_takes_force_by_it_and_counts_once() {
    let host = Fortress::start("[access.second_person]\npersons = { release_policy = 2 }\n");
    let releaser = json!([{"role": "policy_releaser", "district": "yunhe"}]);
    let [qian, sun] = ["qian", "sun"].map(|name| host.issue(name, releaser.clone(), &[]));
    let path = "/v1/districts/yunhe/policies/discretion";
    let bytes = muster_testkit::guests::policy("discretion");
    let brings = |action: &str, edition: &str| {
        let package = STANDARD.encode(support::variant(&bytes, edition));
        json!({"action": action, "by": "qian", "package": package})
    };
    let ask = |body: &Json| host.post(path, Some(&qian), body);
    let done = |body: &Json| {
        let answer = ask(body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let alone = |body: &Json, why: &str| {
        let answer = ask(body);
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(answer.status == 403 && detail.contains("2 distinct persons"), "{why}: {}", answer.body);
    };
    let agree = |body: &Json| {
        let answer = host.post(&format!("{path}/approval"), Some(&sun), body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let plain = |action: &str| json!({"action": action, "by": "qian"});
    let (promote, rollback) = (plain("promote"), plain("rollback"));
    let nothing = host.post(&format!("{path}/approval"), Some(&sun), &promote);
    assert_eq!(nothing.body["type"], "urn:muster:problem:policy-invalid", "nothing is on trial: {}", nothing.body);

    done(&brings("shadow", "one"));
    agree(&promote);
    done(&plain("end-trial"));
    done(&brings("shadow", "two"));
    alone(&promote, "the yes was to another trial");
    agree(&promote);
    done(&promote);

    agree(&rollback);
    agree(&brings("activate", "three"));
    done(&brings("activate", "three"));
    alone(&rollback, "the yes was to an earlier policy than it would go back to now");
    agree(&rollback);
    done(&rollback);

    // The same words about the same things: the yes was used up.
    let four = brings("activate", "four");
    agree(&four);
    done(&four);
    alone(&four, "a yes counts once");
}
