//! Durable records per second through the journal, beside raw append + fdatasync of the same bytes.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use muster_store::{Disk, Head, Journal, Options, Record};
use sha2::{Digest, Sha256};

const PAYLOAD: usize = 600;

fn records(head: &mut Head, count: usize) -> Vec<Record> {
    let mut made = Vec::with_capacity(count);
    for _ in 0..count {
        let mut payload = vec![b'x'; PAYLOAD];
        payload[..8].copy_from_slice(&(head.seq + 1).to_le_bytes());
        let hash: [u8; 32] = Sha256::digest(&payload).into();
        made.push(Record { district: "bench".into(), seq: head.seq + 1, prev: head.hash, hash, payload });
        *head = Head { seq: head.seq + 1, hash };
    }
    made
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(".").expect("a folder on the disk that is measured");
    let mut group = criterion.benchmark_group("durable");
    for batch in [1_usize, 64, 256] {
        group.throughput(Throughput::Elements(batch as u64));
        let raw =
            OpenOptions::new().create(true).truncate(true).write(true).open(folder.path().join("raw")).expect("a file");
        rustix::fs::fallocate(&raw, rustix::fs::FallocateFlags::empty(), 0, 256 << 20).expect("preallocated");
        let bytes = vec![7_u8; batch * (PAYLOAD + 87)];
        let mut offset = 0;
        group.bench_function(BenchmarkId::new("append+fdatasync", batch), |bencher| {
            bencher.iter(|| {
                raw.write_all_at(&bytes, offset % (200 << 20)).expect("written");
                raw.sync_data().expect("synced");
                offset += bytes.len() as u64;
            });
        });
        let media = Disk::open(&folder.path().join(format!("journal-{batch}"))).expect("a folder");
        let journal = Journal::open(media, Options::default()).expect("a journal").journal;
        let mut head = Head::default();
        group.bench_function(BenchmarkId::new("journal", batch), |bencher| {
            bencher.iter_batched(
                || records(&mut head, batch),
                |records| journal.append_and_wait(records).expect("durable"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
