//! The schema of `muster.toml` as whoever writes one meets it: printed, kept beside the documents, and laid beside the file
//! that `muster init` writes, by the real binary. Field by field it is held to the reader beside the configuration.

use std::fs;
use std::path::Path;

use crate::support::{self, muster};
use serde_json::Value as Json;

fn printed() -> String {
    let (fine, said) = muster(&["schema"]);
    assert!(fine, "{said}");
    said
}

/// What the schema says is wrong with a file.
fn faults(schema: &str, file: &Path) -> Vec<String> {
    let schema: Json = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let document: Json = toml::from_str(&fs::read_to_string(file).expect("text")).expect("TOML");
    validator.iter_errors(&document).map(|fault| fault.to_string()).collect()
}

#[test]
fn the_schema_in_the_repository_is_the_one_that_is_printed() {
    let text = fs::read_to_string(support::root().join("docs/muster.schema.json")).expect("docs/muster.schema.json");
    assert!(text == printed(), "write it anew: muster schema > docs/muster.schema.json");
}

#[test]
fn what_init_writes_names_the_schema_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("host");
    let (made, said) = muster(&["init", &home.display().to_string()]);
    assert!(made, "{said}");
    let file = home.join("muster.toml");
    let text = fs::read_to_string(&file).expect("text");
    let first = text.lines().next().expect("a line");
    let beside = first.strip_prefix("#:schema ./").expect("the line that editors look for comes first");
    let schema = fs::read_to_string(home.join(beside)).expect("the schema lies where the line says");
    assert_eq!(schema, printed());
    assert_eq!(faults(&schema, &file), Vec::<String>::new());
}

#[test]
fn what_an_editor_marks_check_refuses_and_what_it_leaves_alone_check_takes() {
    let cities = support::examples();
    let yunhe = cities.path().join("yunhe").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("muster.toml");
    let schema = printed();
    let cases = [
        ("", true),
        ("shards = 2\n", true),
        ("shard = 2\n", false),
        ("segment_mebibytes = 2000\n", false),
        ("listen = 7310\n", false),
        ("[access]\nsecond_person.persons.release_policy = 2\n", true),
        ("[access]\nsecond_person.persons.release_policy = 11\n", false),
        ("[tls]\ncertificate = \"host.pem\"\n", false),
        ("[traces]\nendpoint = \"http://127.0.0.1:4318/v1/traces\"\n", true),
        ("[traces]\nendpoint = \"http://127.0.0.1:4318/v1/traces\"\ntoken = \"hush\"\n", false),
        ("[intake.weather]\nformat = \"telex\"\nsource = \"urn:w\"\n", false),
        ("[intake.weather]\nformat = \"cap\"\nsource = \"urn:w\"\n", true),
    ];
    for (more, right) in cases {
        fs::write(&file, format!("data = \"data\"\ndistricts = [{yunhe:?}]\n{more}")).expect("written");
        let (checked, said) = muster(&["check", &file.display().to_string()]);
        let marked = faults(&schema, &file);
        assert_eq!((checked, marked.is_empty()), (right, right), "{more}{said}{marked:?}");
        assert!(!said.contains("hush"), "{said}");
    }
}
