//! `muster backup`, `muster restore` and `muster doctor`: what an operator does before and after the worst.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use muster_kernel::DistrictId;
use muster_kernel::record::{Cause, Entry};
use muster_outbox::{Key, Row};
use muster_runtime::verify::{Progress, Verifier};
use muster_server::delivery::{self, DeliveryError};
use muster_store::{Batches, Error, Journal, Rows as _, Vault, View, backup, checkpoint};

pub(crate) fn backup(data: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    ensure!(data.join("journal").is_dir(), "{} holds no journal; give the data folder of a host", data.display());
    let copied = backup::copy(data, to)?;
    let verifier = Verifier::open(to)?;
    check_chains(&verifier, to)?;
    for (district, head) in verifier.journal().heads() {
        say!("{district}: {} entries", head.seq);
    }
    say!("{} files, {} bytes copied to {}; every chain and checkpoint holds", copied.files, copied.bytes, to.display());
    say!("the copy holds the signing key: keep it as safe as the host");
    Ok(ExitCode::SUCCESS)
}

/// Nothing is put in place before all of it was proved.
pub(crate) fn restore(from: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    if data.exists() && std::fs::read_dir(data)?.next().is_some() {
        bail!("{} is not empty; restore into a new folder, or move the damaged one away first", data.display());
    }
    let verifier = Verifier::open(from)?;
    check_chains(&verifier, from)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (district, head) in verifier.journal().heads() {
        let verified = verifier.execute(&DistrictId::from(district.as_str()), threads, &Progress::default())?;
        if let Some(divergence) = verified.divergence {
            bail!("{district} diverges at {divergence}; this backup is not restored");
        }
        say!("{district}: {} of {} entries decided anew, all hold", verified.entries, head.seq);
    }
    let copied = backup::copy(from, data)?;
    say!("{} files, {} bytes restored to {}", copied.files, copied.bytes, data.display());
    Ok(ExitCode::SUCCESS)
}

fn check_chains(verifier: &Verifier, data: &Path) -> anyhow::Result<()> {
    if let Some(fault) = verifier.journal().verify(None, |_| {})?.fault {
        bail!("{}: {fault}", data.display());
    }
    let checkpoints = checkpoint::read(&data.join(checkpoint::FOLDER))?;
    if let Err(fault) = checkpoint::check(&checkpoints, verifier.journal(), None)? {
        bail!("{}: {fault}", data.display());
    }
    Ok(())
}

/// One part of a data folder: what it is, what is wrong with it, and what to do.
struct Finding {
    part: &'static str,
    state: Result<String, (String, &'static str)>,
}

pub(crate) fn doctor(data: &Path) -> anyhow::Result<ExitCode> {
    ensure!(data.is_dir(), "{} is no folder", data.display());
    let lock = muster_store::lock(data);
    let host = match &lock {
        Ok(_) => Ok("none is running".into()),
        Err(Error::Locked { .. }) => Ok("one is running on this folder".into()),
        Err(reason) => Err((
            format!("whether one is running cannot be told, so the view is not looked at: {reason}"),
            "ask as the user that the host runs as; the folder and all in it must be that user's",
        )),
    };
    let mut findings = vec![Finding { part: "host", state: host }];
    // Before the journal: beside a running host the rows would otherwise stand beyond what was read of it.
    let rows = outbox_rows(data);
    match Verifier::open(data) {
        Ok(verifier) => {
            findings.push(journal(verifier.journal()));
            findings.push(checkpoints(data, verifier.journal()));
            findings.push(vault(data, verifier.journal()));
            findings.push(outbox(rows, verifier.journal()));
            if lock.is_ok() {
                findings.push(view(data, verifier.journal()));
            }
        }
        Err(reason) => {
            findings.push(Finding {
                part: "journal",
                state: Err((
                    format!("{reason:#}"),
                    "do not start a host on it; keep the folder as it is, and restore the last backup into a new folder",
                )),
            });
            findings.extend(rows.err().map(|reason| damaged_rows(&reason)));
        }
    }
    let mut sound = true;
    for Finding { part, state } in findings {
        match state {
            Ok(words) => say!("{part}: {words}"),
            Err((wrong, cure)) => {
                sound = false;
                say!("{part}: PROBLEM: {wrong}");
                say!("{part}: to do: {cure}");
            }
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn journal(journal: &Journal) -> Finding {
    let state = match journal.verify(None, |_| {}) {
        Ok(report) => match report.fault {
            None => {
                let chains = report.records.iter().map(|(district, count)| format!("{district} {count}"));
                let chains = chains.collect::<Vec<_>>().join(", ");
                Ok(format!("every chain holds ({})", if chains.is_empty() { "empty".into() } else { chains }))
            }
            Some(fault) => Err((fault, "restore the last backup into a new folder, and keep this one as evidence")),
        },
        Err(reason) => Err((reason.to_string(), "look at the disk; then restore the last backup into a new folder")),
    };
    Finding { part: "journal", state }
}

fn checkpoints(data: &Path, journal: &Journal) -> Finding {
    let checked = checkpoint::read(&data.join(checkpoint::FOLDER))
        .and_then(|checkpoints| checkpoint::check(&checkpoints, journal, None));
    let state = match checked {
        Ok(Ok(count)) => Ok(format!("{count} hold")),
        Ok(Err(fault)) => Err((fault, "restore the last backup into a new folder, and keep this one as evidence")),
        Err(reason) => Err((reason.to_string(), "take the checkpoints from a backup")),
    };
    Finding { part: "checkpoints", state }
}

/// Every package and every setting that an entry names is there, byte for byte.
fn vault(data: &Path, journal: &Journal) -> Finding {
    let checked = || -> anyhow::Result<(usize, Vec<String>)> {
        let vault = Vault::open(&data.join("vault"))?;
        let mut named = BTreeMap::new();
        for district in journal.heads().keys() {
            for record in journal.read(district, 1) {
                let record = record?;
                let entry = Entry::from_bytes(&record.payload).context("an entry cannot be read")?;
                if let Cause::Activation(activation) = entry.cause {
                    named.insert(activation.package, format!("package {} {}", activation.name, activation.version));
                    named.insert(activation.settings, format!("settings of {}", activation.name));
                    let evidence = activation.evidence.as_deref();
                    let attestations = evidence.and_then(|evidence| evidence.attestations);
                    named.extend(attestations.map(|digest| (digest, format!("attestations of {}", activation.name))));
                    let backtest = evidence.and_then(|evidence| evidence.backtest.as_ref());
                    named
                        .extend(backtest.map(|backtest| (backtest.report, format!("backtest of {}", activation.name))));
                }
            }
        }
        let wrong = named.iter().filter_map(|(digest, what)| Some(format!("{what}: {}", vault.get(&digest.0).err()?)));
        Ok((named.len(), wrong.collect()))
    };
    let state = match checked() {
        Ok((count, wrong)) if wrong.is_empty() => Ok(format!("{count} packages and settings are there, byte for byte")),
        Ok((_, wrong)) => Err((
            wrong.join("; "),
            "copy these files from a backup's `vault`: until then the fallback answers for their roles",
        )),
        Err(reason) => Err((format!("{reason:#}"), "restore `vault` from a backup")),
    };
    Finding { part: "vault", state }
}

/// What the outbox keeps, and nothing is written: a host that starts refuses exactly what cannot be read here.
fn outbox_rows(data: &Path) -> anyhow::Result<BTreeMap<Key, Row>> {
    let kept = Batches::read(&data.join(backup::OUTBOX))?;
    Ok(delivery::rows_among(kept.iter().map(|(key, row)| (key.as_slice(), row.as_slice())))?)
}

fn outbox(rows: anyhow::Result<BTreeMap<Key, Row>>, journal: &Journal) -> Finding {
    let rows = match rows {
        Ok(rows) => rows,
        Err(reason) => return damaged_rows(&reason),
    };
    let ahead =
        delivery::ahead(&rows, |district| journal.head(district.as_str()).seq).filter_map(|error| match error {
            DeliveryError::Ahead { recipient, district, told, head } => {
                Some(format!("{recipient} was told of {district} up to entry {told}, but the journal ends at {head}"))
            }
            _ => None,
        });
    let ahead: Vec<String> = ahead.collect();
    let recipients = rows.keys().filter(|key| matches!(key, Key::Registered(_))).count();
    let state = if ahead.is_empty() {
        Ok(format!("the rows of {recipients} recipients can be read, and none stands beyond the journal"))
    } else {
        Err((
            ahead.join("; "),
            "the journal lost its end, and a host with an [outbox] does not start: restore the journal's end from a \
             backup; if none has it, move the folder `outbox` away: every recipient then begins with the next entry \
             (日志缺失末段:请从备份恢复日志末段;若无此备份,将 `outbox` 目录移走,各接收方从下一条开始)",
        ))
    };
    Finding { part: "outbox", state }
}

/// The whole folder need not go back for it: that would lose what was decided since the backup.
fn damaged_rows(reason: &anyhow::Error) -> Finding {
    let cure = "a host with an [outbox] does not start: copy back the folder `outbox` alone from the last backup; the \
                journal stays as it is, and what was sent since then goes out again under the same identities \
                (只需从最近备份复制回 `outbox` 目录,日志保持不动;此后发过的消息会以相同编号重发)";
    Finding { part: "outbox", state: Err((format!("{reason:#}"), cure)) }
}

fn view(data: &Path, journal: &Journal) -> Finding {
    let words = match View::open(&data.join("view")) {
        Err(reason) => format!("cannot be opened ({reason}); the next start rebuilds it from the journal"),
        Ok((_, Some(reason))) => format!("was damaged ({reason}); the next start rebuilds it from the journal"),
        Ok((view, None)) => {
            let behind = journal.heads().into_iter().filter(
                |(district, head)| !matches!(view.load(district), Ok(Some(loaded)) if loaded.position.seq == head.seq),
            );
            match behind.count() {
                0 => "stands where the journal stands".into(),
                count => format!("is behind for {count} districts; the next start folds the rest from the journal"),
            }
        }
    };
    Finding { part: "view", state: Ok(words) }
}
