//! The district that the hosts serve: a copy of the example city, with the reference policies when they can be built.
//! Must never change the examples themselves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{hollow, host};

const POLICIES: [&str; 6] = ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"];

/// Which policies the city gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Policies {
    /// None: every event is put before people. Hosts come up much faster.
    None,
    /// Ones that stop at every call: what a host keeps of policies is kept, without a guest toolchain.
    Hollow,
    /// The reference policies, built from source.
    Built,
    /// The packages in this folder.
    Given(PathBuf),
}

/// Lays a copy of the example city down in a folder that is made anew; gives the district's folder.
pub(crate) fn lay(muster: &Path, into: &Path, policies: &Policies) -> anyhow::Result<PathBuf> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| into.display().to_string())?;
    }
    let root = host::workspace()?;
    for folder in ["ref-v1", "yunhe"] {
        copy(&root.join("examples").join(folder), &into.join(folder))?;
    }
    let packages = into.join("ref-v1/packages");
    fs::create_dir_all(&packages)?;
    for policy in POLICIES {
        let file = packages.join(policy).with_extension("wasm");
        match policies {
            Policies::None => drop(fs::remove_file(&file)),
            Policies::Given(folder) => {
                let from = folder.join(policy).with_extension("wasm");
                fs::copy(&from, &file).with_context(|| from.display().to_string())?;
            }
            Policies::Hollow => fs::write(&file, hollow::package(&root.join("wit"), policy)?)?,
            Policies::Built => {
                let source = root.join("plugins").join(policy);
                let words = ["build".as_ref(), source.as_os_str(), "--out".as_ref(), file.as_os_str()];
                let built = host::muster(muster, &words)?;
                built.map_err(|said| anyhow::anyhow!("{said}\n--policies hollow does without them"))?;
            }
        }
    }
    if *policies == Policies::None {
        for file in ["ref-v1/profile.toml", "yunhe/district.toml"] {
            let file = into.join(file);
            fs::write(&file, without_policies(&fs::read_to_string(&file)?))?;
        }
    }
    Ok(into.join("yunhe"))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The text of a district or profile without the sections that bind policies.
fn without_policies(text: &str) -> String {
    let mut skipped = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            skipped = line.starts_with("[policies");
        }
        if !skipped {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Changes the charter, and the settings of a policy if one is bound, so that a running host takes them over.
pub(crate) fn change(city: &Path, round: u64) -> anyhow::Result<()> {
    let file = city.join("district.toml");
    let text = fs::read_to_string(&file)?;
    let name = text.lines().find(|line| line.starts_with("name = ")).context("the district has no name")?;
    let renamed = format!("name = {{ zh = \"云河市\", en = \"Yunhe {round}\" }}");
    put(&file, &text.replacen(name, &renamed, 1))?;
    let file = city.join("../ref-v1/settings/escalation.toml");
    let text = fs::read_to_string(&file)?;
    put(&file, &text.replace("at_least = 15\n", &format!("at_least = {}\n", 20 + round)))
}

/// A reader never finds half of it.
fn put(file: &Path, text: &str) -> anyhow::Result<()> {
    let fresh = file.with_extension("fresh");
    fs::write(&fresh, text)?;
    Ok(fs::rename(fresh, file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_without_policies_keeps_all_else() {
        let text = "a = 1\n[policies.x]\nb = 2\n[[node]]\nc = 3\n[policies.y]\nd = 4\n";
        assert_eq!(without_policies(text), "a = 1\n[[node]]\nc = 3\n");
    }
}
