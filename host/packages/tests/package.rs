//! Packages read from bytes that may be anything: manifests old and new, contents, and manifests that lie.

use std::collections::BTreeMap;

use muster_kernel::{Digest, Role};
use muster_packages::{
    Capability, Contents, DEPTH_MAX, Lie, LimitsWanted, MANIFEST_BYTES_MAX, MODULES_MAX, Manifest, NAMES_MAX, Package,
    PackageError, check_claims,
};

/// An empty component: magic, version, layer.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// An empty core module.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn manifest() -> Manifest {
    Manifest {
        id: "ref/escalation".into(),
        version: "1.2.3".into(),
        contract: "muster:policy@1.0.0".into(),
        title: BTreeMap::from([("zh".into(), "升级阶梯".repeat(20))]),
        ..Manifest::default()
    }
}

fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("seven bits"));
    bytes
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], length(body.len()).as_slice(), body].concat()
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[length(name.len()).as_slice(), name.as_bytes(), data].concat())
}

fn names(names: &[&str], before: u8, after: &[u8]) -> Vec<u8> {
    let mut body = length(names.len());
    for name in names {
        body.push(before);
        body.extend(length(name.len()));
        body.extend(name.as_bytes());
        body.extend(after);
    }
    body
}

/// A component that imports and exports instances of these names. Only its structure is right: nothing compiles it.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports = section(10, &names(imports, 0, &[5, 0]));
    let exports = section(11, &names(exports, 0, &[5, 0, 0]));
    [COMPONENT, &imports, &exports].concat()
}

fn nested(depth: usize, inner: Vec<u8>) -> Vec<u8> {
    (0..depth).fold(inner, |inner, _| [COMPONENT, &section(4, &inner)].concat())
}

#[test]
fn an_embedded_manifest_is_found_again() {
    let package = Package::read(manifest().embed(COMPONENT)).expect("a package");
    assert_eq!(package.manifest, manifest());
    assert_eq!(package.digest, Digest::of(&package.bytes));
}

#[test]
fn the_first_manifests_are_still_read() {
    let first = r#"{"id":"ref/triage","version":"0.1.0","contract":"muster:policy@1.0.0","title":{"zh":"感知"}}"#;
    let package = Package::read([COMPONENT, &custom("muster:manifest", first.as_bytes())].concat()).expect("read");
    assert_eq!((package.manifest.roles, package.manifest.limits), (None, None));
}

#[test]
fn a_manifest_says_everything_and_says_it_again_alike() {
    let full = Manifest {
        description: BTreeMap::from([("en".into(), "what it does".into())]),
        roles: Some(vec![Role::Triage]),
        imports: Some(vec![Capability::Log, Capability::Facts]),
        limits: Some(LimitsWanted { fuel: Some(100_000), memory_bytes: None }),
        settings_schema: Some(
            muster_packages::Schema::read("[key.a]\ntype = \"decimal\"\nmin = \"0.5\"\n").expect("a schema"),
        ),
        ..manifest()
    };
    assert_eq!(Package::read(full.embed(COMPONENT)).expect("a package").manifest, full);
    let limits = full.limits.expect("limits");
    assert_eq!((limits.fuel_within(1_000), limits.fuel_within(1_000_000)), (1_000, 100_000));
    assert_eq!(limits.memory_bytes_within(5), 5);
    let missing: Vec<_> = full.missing_texts().into_iter().map(|text| (text.field, text.language)).collect();
    assert_eq!(missing, [("title", "en"), ("description", "zh")]);
}

#[test]
fn what_is_no_package_is_refused_by_name() {
    let read = Package::read;
    assert!(matches!(read(b"hello".to_vec()), Err(PackageError::NotComponent(_))));
    assert!(matches!(read(MODULE.to_vec()), Err(PackageError::NotComponent(_))));
    assert!(matches!(read(COMPONENT.to_vec()), Err(PackageError::NoManifest)));
    let mut cut = manifest().embed(COMPONENT);
    cut.truncate(cut.len() - 5);
    assert!(matches!(read(cut), Err(PackageError::NotComponent(_))));
    let twice = manifest().embed(&manifest().embed(COMPONENT));
    assert!(matches!(read(twice), Err(PackageError::ManyManifests(2))));
    let inside = nested(1, manifest().embed(COMPONENT));
    assert!(matches!(read(inside.clone()), Err(PackageError::NoManifest)));
    read(manifest().embed(&inside)).expect("a manifest inside is nobody's");
    let large = custom("muster:manifest", &vec![b' '; MANIFEST_BYTES_MAX + 1]);
    assert!(matches!(read([COMPONENT, &large].concat()), Err(PackageError::ManifestTooLarge(_))));
    let broken = custom("muster:manifest", b"{");
    assert!(matches!(read([COMPONENT, &broken].concat()), Err(PackageError::BadManifest(_))));
}

/// Something that is done to a manifest.
type Change = fn(&mut Manifest);

#[test]
fn what_a_manifest_cannot_say_is_named_with_its_field() {
    let changes: [(&str, Change); 8] = [
        ("id", |manifest| manifest.id = "Escalation".into()),
        ("id", |manifest| manifest.id = "ref/../etc".into()),
        ("version", |manifest| manifest.version = "1.2".into()),
        ("contract", |manifest| manifest.contract = "policy".into()),
        ("roles", |manifest| manifest.roles = Some(vec![Role::Triage, Role::Triage])),
        ("imports", |manifest| manifest.imports = Some(vec![Capability::Log, Capability::Log])),
        ("limits.fuel", |manifest| manifest.limits = Some(LimitsWanted { fuel: Some(0), memory_bytes: None })),
        ("settings_schema", |manifest| {
            let mut schema = muster_packages::Schema::default();
            let table = muster_packages::schema::Table { like: Some("nothing".into()), ..Default::default() };
            schema.tables.insert("a".into(), table);
            manifest.settings_schema = Some(schema);
        }),
    ];
    let mut told = Vec::new();
    for (field, change) in changes {
        let mut manifest = manifest();
        change(&mut manifest);
        let error = Package::read(manifest.embed(COMPONENT)).expect_err(field).to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
        told.push(error);
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn compile_bombs_are_seen_before_a_compiler_sees_them() {
    let many = |what: &str, bytes: Vec<u8>| match Contents::read(&bytes) {
        Err(PackageError::TooMany { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{what}: {other:?}"),
    };
    let modules = section(1, MODULE).repeat(MODULES_MAX + 1);
    many("core modules", [COMPONENT, &modules].concat());
    many("levels of nesting", nested(DEPTH_MAX + 1, COMPONENT.to_vec()));
    Contents::read(&nested(DEPTH_MAX, COMPONENT.to_vec())).expect("as deep as may be");
    many("imports", component(&vec!["a:b/c@1.0.0"; NAMES_MAX + 1], &[]));
    many("sections", [COMPONENT, &custom("x", b"").repeat(muster_packages::SECTIONS_MAX + 1)].concat());
    // A section that claims a quarter of a million functions in a few hundred kilobytes.
    let count = muster_packages::FUNCTIONS_MAX + 1;
    let functions = section(3, &[length(count), vec![0; count]].concat());
    many("functions", [COMPONENT, &section(1, &[MODULE, &functions].concat())].concat());
    many("bytes in the name of an import or export", component(&[&"x".repeat(600)], &[]));
}

#[test]
fn the_binary_is_read_from_its_outermost_component() {
    let inner = component(&["evil:inner/thing@1.0.0"], &["muster:policy/workflow@1.0.0"]);
    let outer = component(&["muster:policy/types@1.0.0", "muster:policy/log@1.0.0"], &["muster:policy/triage@1.0.0"]);
    let contents = Contents::read(&[outer, section(4, &inner), section(1, MODULE)].concat()).expect("a component");
    assert_eq!(contents.roles(), [Role::Triage]);
    assert_eq!(contents.capabilities(), [Capability::Log]);
    assert_eq!((contents.modules, contents.depth, contents.imports.len()), (1, 1, 2));
}

#[test]
fn a_manifest_that_lies_is_told_each_lie() {
    let honest = ["muster:policy/types@1.0.0", "muster:policy/log@1.0.0", "muster:policy/facts@1.0.0"];
    let check = |imports: &[&str], exports: &[&str], contract: &str| {
        let contents = Contents::read(&component(imports, exports)).expect("a component");
        let manifest = Manifest {
            roles: Some(vec![Role::Triage]),
            imports: Some(vec![Capability::Log, Capability::Facts]),
            contract: contract.into(),
            ..manifest()
        };
        check_claims(&manifest, &contents).map_err(|error| error.lies)
    };
    let one = "muster:policy@1.0.0";
    assert_eq!(check(&honest, &["muster:policy/triage@1.0.0"], one), Ok(()));
    let lies = check(
        &["muster:policy/log@1.0.0", "muster:policy/memory@1.0.0", "wasi:sockets/tcp@0.2.0", "muster:policy/log@2.0.0"],
        &["muster:policy/workflow@1.0.0", "run"],
        one,
    );
    let wanted = [
        Lie::RoleNotExported(Role::Triage),
        Lie::RoleNotClaimed(Role::Workflow),
        Lie::ForeignExport("run".into()),
        Lie::ImportNotDeclared(Capability::Memory),
        Lie::ImportNotThere(Capability::Facts),
        Lie::ForeignImport("wasi:sockets/tcp@0.2.0".into()),
        Lie::ForeignImport("muster:policy/log@2.0.0".into()),
    ];
    assert_eq!(lies, Err(wanted.to_vec()));
    let newer = ["muster:policy/log@1.3.0", "muster:policy/facts@1.0.0"];
    let said = Lie::NewerThanSaid { name: "muster:policy/log@1.3.0".into(), said: one.into() };
    assert_eq!(check(&newer, &["muster:policy/triage@1.0.0"], one), Err(vec![said]));
    let other = check(&honest, &["muster:policy/triage@1.0.0"], "muster:policy@1.3");
    assert_eq!(other, Err(vec![Lie::OtherContract("muster:policy@1.3".into())]));
    let nothing = check(&honest, &[], one).expect_err("no role");
    assert!(nothing.contains(&Lie::NoRole));
}

#[test]
fn lies_are_told_in_both_languages() {
    let contents = Contents::read(&component(&["muster:policy/facts@1.0.0"], &[])).expect("a component");
    let manifest = Manifest { roles: Some(vec![Role::Triage]), imports: Some(Vec::new()), ..manifest() };
    let error = check_claims(&manifest, &contents).expect_err("it lies");
    insta::assert_snapshot!(format!("{error}\n{}", error.chinese()));
}

#[test]
fn self_tests_are_read_with_their_settings_from_table_or_file() {
    use muster_packages::self_test;
    let text = r#"
        [[test]]
        name = "in place"
        role = "triage"
        settings = { watch_hours = 48, t = [{ a = "x" }] }
        events = [{ id = "1", source = "urn:a", type = "t", time = 2021-07-20T12:00:00Z, data = { n = 1 } }]
        expect = [{ fact = "event.placed", count = 1, contains = { "incident.scheme" = "flood" } }]
        [[test]]
        name = "from files"
        role = "triage"
        settings = ["a.toml", "b.toml"]
        events = [{ id = "1", source = "urn:a", type = "t" }]
        expect = [{ fact = "event.placed" }]
    "#;
    let open = |path: &std::path::Path| match path.to_str() {
        Some("a.toml") => Ok("x = 1\ny = 1\n".to_owned()),
        Some("b.toml") => Ok("y = 2\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let tests = self_test::read(text, open).expect("tests");
    assert_eq!(tests[0].settings.get("watch_hours"), Some(&muster_kernel::Value::Integer(48)));
    assert_eq!(tests[0].settings.tables["t"].len(), 1);
    assert_eq!(tests[0].events[0]["time"], "2021-07-20T12:00:00Z");
    assert_eq!(tests[1].settings.get("y"), Some(&muster_kernel::Value::Integer(2)));
    let manifest = Manifest { roles: Some(vec![Role::Triage]), tests, ..manifest() };
    assert_eq!(Package::read(manifest.embed(COMPONENT)).expect("a package").manifest, manifest);
    for (right, wrong) in [
        ("b.toml", "c.toml"),
        ("\"from files\"", "\"in place\""),
        ("[{ fact = \"event.placed\" }]", "[]"),
        ("fact = \"event.placed\" }", "fact = \"event.plcaed\" }"),
        ("source = \"urn:a\", type = \"t\" }", "source = \"urn:a\" }"),
        ("count = 1", "cuont = 1"),
    ] {
        let error = self_test::read(&text.replacen(right, wrong, 1), open).expect_err(wrong);
        assert!(!error.place.is_empty() && !error.reason.is_empty(), "{error}");
    }
    let other = Manifest { roles: Some(vec![Role::Workflow]), ..manifest };
    assert!(Package::read(other.embed(COMPONENT)).expect_err("not its role").to_string().contains("`tests`"));
}
