//! The schemas of the reference policies: they let through what the examples set, and catch what hands slip on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use muster_kernel::settings::Settings;
use muster_packages::{Schema, settings};

const POLICIES: [&str; 6] = ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"];
const DISTRICTS: [&str; 4] = ["yunhe", "hailan", "lanzhu", "qinghe"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema(policy: &str) -> Schema {
    let text = std::fs::read_to_string(root().join("plugins").join(policy).join("settings.schema.toml"));
    Schema::read(&text.expect("a schema")).unwrap_or_else(|reason| panic!("{policy}: {reason}"))
}

/// The profile's settings, and the district's over them.
fn text_of(policy: &str, district: Option<&str>) -> Vec<String> {
    let profile = root().join("examples/ref-v1/settings").join(policy).with_extension("toml");
    let own = district.map(|district| root().join("examples").join(district).join("settings").join(policy));
    let own = own.map(|path| path.with_extension("toml")).filter(|path| path.exists());
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
    [Some(profile), own].into_iter().flatten().map(read).collect()
}

fn settings_of(texts: &[String]) -> Settings {
    let mut found = Settings::default();
    for text in texts {
        settings::read(&mut found, text, "settings.toml").expect("settings");
    }
    found
}

#[test]
fn the_examples_keep_to_the_schemas() {
    for policy in POLICIES {
        let schema = schema(policy);
        for district in std::iter::once(None).chain(DISTRICTS.into_iter().map(Some)) {
            let faults = schema.check(&settings_of(&text_of(policy, district)));
            assert!(faults.is_empty(), "{policy} of {district:?}:\n{}", told(&faults));
        }
    }
}

#[test]
fn the_words_of_a_schema_are_those_of_the_kernel() {
    use muster_kernel::{CalloutKind, Level, Mode, RiskStage, Tier};
    let schema = schema("escalation");
    let words = |column: &str| {
        let mut words = schema.tables["on_signal"].columns[column].words.clone();
        words.sort();
        words
    };
    let wanted = |words: Vec<&str>, more: &[&str]| {
        let mut words: Vec<String> = words.into_iter().chain(more.iter().copied()).map(Into::into).collect();
        words.sort();
        words
    };
    assert_eq!(words("callout"), wanted(CalloutKind::ALL.iter().map(|word| word.as_str()).collect(), &[]));
    assert_eq!(words("level_at_least"), wanted(Level::ALL.iter().map(|word| word.as_str()).collect(), &[]));
    assert_eq!(words("mode"), wanted(Mode::ALL.iter().map(|word| word.as_str()).collect(), &[]));
    assert_eq!(words("stage"), wanted(RiskStage::ALL.iter().map(|word| word.as_str()).collect(), &[]));
    let tiers = Tier::ALL.iter().map(|word| word.as_str()).collect();
    assert_eq!(words("tier"), wanted(tiers, &["above", "neighbours"]));
}

fn told(faults: &[muster_packages::schema::SettingsFault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n{}", fault.chinese())).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_and_column_says_what_it_is_in_both_languages() {
    for policy in POLICIES {
        let schema = schema(policy);
        let columns = schema.tables.values().flat_map(|table| &table.columns);
        for (name, field) in schema.keys.iter().chain(columns) {
            assert!(!field.zh.is_empty() && !field.en.is_empty(), "{policy}: {name}");
        }
    }
}

#[test]
fn what_hands_slip_on_is_caught_with_its_place_and_its_cure() {
    let slips: [(&str, &str, &str); 14] = [
        ("discretion", "grant_hours_max", "grant_hours_mx"),
        ("discretion", "papers_hours = 24", "papers_hours = \"24\""),
        ("discretion", "second_signature_above_permille = 500", "second_signature_above_permille = 5000"),
        ("discretion", "tier = \"community\"\nitem", "tier = \"comunity\"\nitem"),
        ("discretion", "item = 500_000", "item = -1"),
        ("discretion", "multiplies = true", "multiplys = true"),
        ("discretion", "when = \"always\"", "when = \"allways\""),
        ("triage", "place = \"open\"", "place = \"opens\""),
        ("triage", "kind = \"ponding\"", "knd = \"ponding\""),
        ("triage", "colour = \"blue\"", "colour = \"blue|gren\""),
        ("escalation", "effect = \"grant\"", "effect = \"grnt\""),
        ("escalation", "supervisor_tier = \"district\"\n", ""),
        ("oversight", "[[compare]]", "[[compares]]"),
        ("workflow", "step = \"register\"", "step = \"\""),
    ];
    let mut text = String::new();
    for (policy, right, wrong) in slips {
        let texts: Vec<String> = text_of(policy, None).iter().map(|text| text.replacen(right, wrong, 1)).collect();
        assert_ne!(texts, text_of(policy, None), "`{right}` is not in the settings of {policy} any more");
        let faults = schema(policy).check(&settings_of(&texts));
        assert!(!faults.is_empty(), "{policy}: `{wrong}` went through");
        write!(text, "## {policy}: {} → {}\n{}\n\n", right.trim(), wrong.trim(), told(&faults)).expect("written");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_row_that_only_advises_a_level_cannot_wait() {
    let schema = schema("escalation");
    let row = "[[signal_level]]\nkind = \"ponding\"\nrule = \"L1\"\nlevel = \"IV\"\nzh = \"积水\"\nen = \"water\"\n";
    let faults = |more: &str| {
        let texts = text_of("escalation", None).into_iter().chain([format!("{row}{more}")]);
        schema.check(&settings_of(&texts.collect::<Vec<_>>())).len()
    };
    assert_eq!(faults(""), 0);
    assert_eq!(faults("after_minutes = 10\n"), 1, "nobody would wait for it");
}

#[test]
fn numbers_texts_times_and_rows_are_held_to_their_bounds_exactly() {
    let schema = Schema::read(
        "[key]\n\
         share = { type = \"decimal\", min = \"0.5\", max = 2 }\n\
         name = { type = \"text\", min = 2, max = 3 }\n\
         begins = { type = \"instant\" }\n\
         [table.t]\nrows_min = 1\nopen = true\n",
    );
    let schema = schema.expect("a schema");
    let faults = |text: &str| schema.check(&settings_of(&[format!("{text}\n[[t]]\nanything = 1\n")])).len();
    for right in ["share = 0.5", "share = 2", "name = \"云河市\"", "begins = 2021-07-19T18:00:00+08:00"] {
        assert_eq!(faults(right), 0, "{right}");
    }
    for wrong in
        ["share = 0.49", "share = 2.01", "name = \"云\"", "name = \"云河云河\"", "begins = \"soon\"", "other = 1"]
    {
        assert_eq!(faults(wrong), 1, "{wrong}");
    }
    let open = Schema { open: true, ..schema.clone() };
    assert!(open.check(&settings_of(&["other = 1\n[[more]]\na = 1\n[[t]]\na = 1\n".into()])).is_empty());
    assert_eq!(schema.check(&Settings::default()).len(), 1, "a table without rows");
}

#[test]
fn a_schema_that_cannot_be_is_refused() {
    for wrong in [
        "[key.a]\ntype = \"number\"",
        "[key.a]\ntype = \"flag\"\nmin = 1",
        "[key.a]\ntype = \"integer\"\nwords = [\"a\"]",
        "[key.a]\ntype = \"integer\"\nmin = 2\nmax = 1",
        "[key.a]\ntype = \"text\"\nlist = true\nalternatives = true",
        "[key.a]\ntype = \"text\"\nrequierd = true",
        "[table.a]\nlike = \"b\"",
        "[table.a]\nlike = \"a\"",
        "[table.a]\n[[table.a.when]]\ncolumn = \"x\"\nis = \"y\"\nneeds = []",
        "[key.a]\ntype = \"decimal\"\nmin = \"half\"",
    ] {
        assert!(Schema::read(wrong).is_err(), "{wrong}");
    }
}
