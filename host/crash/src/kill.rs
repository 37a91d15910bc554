//! Kills: `kill -9` under load, round after round on the same data folder, also in the middle of a start, and stops of the
//! whole process in between. Must never count a round whose host never came up as passed.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure};
use rustix::process::Signal;
use serde_json::json;

use crate::chance::Chance;
use crate::check::{Expected, check};
use crate::host::{self, Host, Starting};
use crate::power::tell;
use crate::senders::{Answer, Ledger, send, signal};
use crate::{Common, city, summary};

/// How much is done.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Kill {
    /// How many kills
    #[arg(long, default_value_t = 1_000)]
    rounds: u64,
    /// How many kills a data folder lives through before it is checked and a fresh one begins
    #[arg(long, default_value_t = 100)]
    life: u64,
    /// How many send at once
    #[arg(long, default_value_t = 16)]
    senders: u64,
}

#[derive(Default)]
struct Tally {
    rounds: u64,
    in_start: u64,
    stopped: u64,
    lives: u64,
    receipts: usize,
    resent: usize,
    lost: usize,
    duplicated: usize,
    unreadable: usize,
    other: usize,
    rebuilt: u64,
    torn: u64,
}

/// The life of one data folder.
struct Life<'a> {
    common: &'a Common,
    muster: &'a Path,
    data: &'a Path,
    city: &'a Path,
    number: u64,
    ledger: Ledger,
    /// Sent, and not answered: they are sent again in the next round.
    unanswered: Mutex<VecDeque<String>>,
}

pub(crate) fn run(common: &Common, kill: &Kill) -> anyhow::Result<bool> {
    let muster = common.muster()?;
    let folder = common.folder(&format!("kill-{}", common.seed))?;
    let city = city::lay(&muster, &folder.join("examples"), &common.policies)?;
    let mut tally = Tally::default();
    let begun = Instant::now();
    let mut well = true;
    while tally.rounds < kill.rounds && well {
        let number = tally.lives;
        let data = folder.join(format!("life-{number}"));
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let (ledger, unanswered) = (Ledger::default(), Mutex::default());
        let life = Life { common, muster: &muster, data: &data, city: &city, number, ledger, unanswered };
        well = life.live(kill, &mut tally)?;
        tally.lives += 1;
        eprintln!("{} rounds, {} receipts, {} s", tally.rounds, tally.receipts, begun.elapsed().as_secs());
        if well {
            fs::remove_dir_all(&data)?;
        }
    }
    summary(&json!({
        "test": "kill", "seed": common.seed, "rounds": tally.rounds, "folders": tally.lives,
        "kills_during_start": tally.in_start, "rounds_with_a_stop": tally.stopped, "receipts_checked": tally.receipts,
        "sent_again": tally.resent, "lost": tally.lost, "duplicated": tally.duplicated,
        "unreadable_starts": tally.unreadable, "other_faults": tally.other, "views_rebuilt": tally.rebuilt,
        "torn_tails_cut": tally.torn, "seconds": begun.elapsed().as_secs(),
    }));
    Ok(well && tally.rounds > 0)
}

impl Life<'_> {
    fn live(&self, kill: &Kill, tally: &mut Tally) -> anyhow::Result<bool> {
        for number in 0..kill.life.min(kill.rounds - tally.rounds) {
            let mut chance = Chance::of(self.common.seed, self.number << 32 | number);
            tally.rounds += 1;
            if chance.per_cent(15) {
                let starting = Starting::begin(self.muster, self.data, self.city, &[])?;
                std::thread::sleep(Duration::from_millis(chance.below(200)));
                starting.kill()?;
                tally.in_start += 1;
                continue;
            }
            let host = match Host::start(self.muster, self.data, self.city)? {
                Ok(host) => host,
                Err(not_up) => {
                    tally.unreadable += 1;
                    let again = self.again();
                    eprintln!("FAILED: round {number}: the host does not come up; {again}\n{}", not_up.said);
                    return Ok(false);
                }
            };
            self.round(host, kill, number, &mut chance, tally)?;
        }
        self.reckon(tally)
    }

    fn again(&self) -> String {
        let (data, seed) = (self.data.display(), self.common.seed);
        format!("folder {data}, life {} of `muster-crash kill --seed {seed}`", self.number)
    }

    /// One load and one kill.
    fn round(
        &self,
        host: Host,
        kill: &Kill,
        number: u64,
        chance: &mut Chance,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let said = Mutex::new(String::new());
        let over = AtomicBool::new(false);
        let (url, over) = (host.events(), &over);
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..kill.senders)
                .map(|sender| {
                    let (url, chance) = (&url, Chance::of(chance.next(), sender));
                    scope.spawn(move || self.send_until(over, url, &format!("{number}-{sender}"), chance))
                })
                .collect();
            let killed = self.end(host, chance, tally, &said);
            over.store(true, Ordering::SeqCst);
            for sender in running {
                tally.resent += sender.join().map_err(|_| anyhow!("a sender panicked"))??;
            }
            killed
        })?;
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
        tally.torn += u64::from(said.contains("a torn tail was cut"));
        tally.rebuilt +=
            u64::from(said.contains("the view could not be opened") || said.contains("the view is not used"));
        Ok(())
    }

    /// Lets the load run for a while, perhaps stops the whole process for a moment, and kills it.
    fn end(&self, host: Host, chance: &mut Chance, tally: &mut Tally, said: &Mutex<String>) -> anyhow::Result<()> {
        std::thread::sleep(Duration::from_millis(chance.below(180)));
        if chance.per_cent(12) {
            tally.stopped += 1;
            host.signal(Signal::STOP)?;
            // What was on its way when the process stopped may still arrive.
            std::thread::sleep(Duration::from_millis(150));
            let before = self.ledger.answered();
            std::thread::sleep(Duration::from_millis(100 + chance.below(150)));
            ensure!(self.ledger.answered() == before, "a stopped host acknowledged something; {}", self.again());
            if chance.per_cent(60) {
                host.signal(Signal::CONT)?;
                std::thread::sleep(Duration::from_millis(chance.below(100)));
            }
        }
        *said.lock().unwrap_or_else(PoisonError::into_inner) = host.said();
        host.kill()
    }

    /// Sends until the host is gone: first what was not answered before. Gives how many were sent again.
    fn send_until(&self, over: &AtomicBool, url: &str, name: &str, mut chance: Chance) -> anyhow::Result<usize> {
        let agent = host::agent();
        let mut resent = 0;
        for number in 0.. {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let left = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let is_new = left.is_none();
            // Now and then something that was acknowledged is sent again.
            let known = if is_new && chance.per_cent(5) { self.some_answered(&mut chance) } else { None };
            let id = left.or(known).unwrap_or_else(|| format!("{}-{name}-{number}", self.number));
            resent += usize::from(!is_new);
            self.ledger.will_send(&id);
            match send(&agent, url, &signal(&id, &mut chance)) {
                Ok(Answer::Receipt(receipt)) => {
                    let known = self.ledger.with(|sent| sent.get(&id).cloned().flatten());
                    if let Some(known) = known
                        && !(receipt.duplicate && known.seq == receipt.seq && known.hash == receipt.hash)
                    {
                        bail!("{id} was acknowledged as {known:?} and then as {receipt:?}; {}", self.again());
                    }
                    self.ledger.was_answered(&id, receipt);
                }
                Ok(Answer::Refused(status, problem)) => bail!("{id} was refused: {status} {problem}; {}", self.again()),
                Err(_) => {
                    let is_answered = self.ledger.with(|sent| sent.get(&id).is_some_and(Option::is_some));
                    if !is_answered {
                        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
                    }
                    break;
                }
            }
        }
        Ok(resent)
    }

    fn some_answered(&self, chance: &mut Chance) -> Option<String> {
        self.ledger.with(|sent| {
            let place = chance.place(sent.len());
            sent.iter().skip(place).find(|(_, receipt)| receipt.is_some()).map(|(id, _)| id.clone())
        })
    }

    /// At the end of a folder's life: everything that was acknowledged is there.
    fn reckon(&self, tally: &mut Tally) -> anyhow::Result<bool> {
        let mut expected = Expected::default();
        self.ledger.with(|sent| {
            for (id, receipt) in sent.iter() {
                match receipt {
                    Some(receipt) => drop(expected.receipts.insert(receipt.seq, (receipt.hash.clone(), id.clone()))),
                    None => expected.others.push(id.clone()),
                }
            }
        });
        let mut chance = Chance::of(self.common.seed, u64::MAX - self.number);
        let findings = check(self.muster, self.data, self.city, &expected, &mut chance)?;
        if !findings.is_well() {
            tell(&findings, &self.again());
        }
        tally.receipts += findings.receipts;
        tally.lost += findings.lost.len();
        tally.duplicated += findings.duplicated.len();
        tally.unreadable += usize::from(findings.unreadable.is_some());
        tally.other += findings.other.len();
        tally.rebuilt += u64::from(findings.view_rebuilt);
        tally.torn += u64::from(findings.torn_tail);
        Ok(findings.is_well())
    }
}
