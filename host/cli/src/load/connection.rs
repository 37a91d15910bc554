//! One kept HTTP/1.1 connection: a request out, its answer in.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A connection to a host.
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    /// The header line that shows who sends, or nothing.
    authorization: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    body: &'a [u8],
}

impl Answer<'_> {
    /// How often some bytes stand in the body.
    pub(crate) fn count(&self, bytes: &[u8]) -> u64 {
        self.body.windows(bytes.len()).filter(|window| *window == bytes).count() as u64
    }
}

impl Connection {
    pub(crate) async fn open(address: &str, authorization: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("no host answers at {address}; start one with `muster serve`"))?;
        stream.set_nodelay(true)?;
        let authorization = authorization.map(|shown| format!("authorization: {shown}\r\n")).unwrap_or_default();
        Ok(Self { stream, address: address.to_owned(), authorization, request: Vec::new(), answer: Vec::new() })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.request.clear();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{}\r\n",
            self.address,
            body.len(),
            self.authorization
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await.context("the host hung up")?;
        self.answer.clear();
        let head = loop {
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let text = std::str::from_utf8(&self.answer[..head]).context("the answer's head is not text")?;
        let (status, length) = read_head(text)?;
        while self.answer.len() < head + length {
            self.read().await?;
        }
        Ok(Answer { status, body: &self.answer[head..head + length] })
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        if self.answer.len() > ANSWER_BYTES_MAX {
            bail!("the answer is over {ANSWER_BYTES_MAX} bytes");
        }
        self.answer.reserve(4_096);
        let read = self.stream.read_buf(&mut self.answer).await.context("the host hung up")?;
        if read == 0 {
            bail!("the host hung up in the middle of an answer");
        }
        Ok(())
    }
}

/// Status and length of what follows.
fn read_head(head: &str) -> anyhow::Result<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.trim().parse().ok());
    match (status, length) {
        (Some(status), Some(length)) => Ok((status, length)),
        _ => bail!("the answer has no status or no length: {}", head.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::read_head;

    #[test]
    fn a_head_says_status_and_length() {
        assert_eq!(read_head("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 12\r\n\r\n").expect("read"), (429, 12));
        assert!(read_head("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
