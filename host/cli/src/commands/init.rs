//! `muster init`: everything that a first host needs, in one folder. It must never write over what is there.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use muster_access::System;
use muster_access::token::{FileStore, TokenStore as _, bootstrap};
use muster_runtime::{Clock as _, RealClock};
use muster_server::register_file;

use crate::configuration::{self, FILE, SAMPLE_DISTRICT};

/// Where the first token lies.
const FIRST_TOKEN: &str = "first-token";

pub(crate) fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    let district = folder.join(SAMPLE_DISTRICT);
    let data = folder.join("data");
    std::fs::create_dir_all(&district).with_context(|| district.display().to_string())?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&data).with_context(|| data.display().to_string())?;
    write(&district.join("district.toml"), configuration::district())?;
    write(&folder.join(FILE), &configuration::sample())?;
    let token = folder.join(FIRST_TOKEN);
    first_token(&data, &token)?;
    let settings = folder.join(FILE);
    say!(
        "{} is ready: settings, a district to start from, and the first token, which holds for 24 hours.",
        folder.display()
    );
    say!("Next:");
    say!("  muster check {}", settings.display());
    say!("  muster serve --config {}", settings.display());
    say!(
        "  muster --token-file {} token issue --subject YOU --days 30 --role operator --to operator-token",
        token.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Makes the first token of a data folder on which no host runs.
pub(crate) fn first_token(data: &Path, to: &Path) -> anyhow::Result<()> {
    let _lock = muster_store::lock(data)?;
    let store = FileStore::new(register_file(data)?);
    let mut register = store.load()?;
    // The host puts it on record when it starts: no journal is open here.
    bootstrap(&mut register, &store, to, RealClock.now(), &mut System)?;
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let file = std::fs::File::create_new(path);
    let mut file = file.with_context(|| format!("{}: it must not be there yet", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}
