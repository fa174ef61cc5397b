//! For tests: an HTTP server on a free port that answers as it is told, also wrongly.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as received: `GET /path?query`, headers in lower case, body.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub headers: String,
    pub body: String,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Status, header lines, body.
    Reply(u16, Vec<String>, Vec<u8>),
    /// Announces more bytes than it sends.
    CutShort(Vec<u8>),
    /// Sends the headers and nothing more.
    HangInBody,
    /// Never says a word.
    Hang,
}

impl Act {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Reply(200, Vec::new(), body.into())
    }

    pub fn status(status: u16, body: &str) -> Self {
        Self::Reply(status, Vec::new(), body.into())
    }

    pub fn header(self, header: impl Into<String>) -> Self {
        let Self::Reply(status, mut headers, body) = self else { return self };
        headers.push(header.into());
        Self::Reply(status, headers, body)
    }
}

pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// `answer` gets the request and how many came before it.
    pub async fn start(answer: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, &seen, answer.as_ref()).await;
                });
            }
        });
        Self { url, requests, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests had `part` in their first line.
    pub fn count(&self, part: &str) -> usize {
        self.requests().iter().filter(|request| request.line.contains(part)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request, usize) -> Act + Send + Sync),
) -> std::io::Result<()> {
    let request = receive(&mut stream).await?;
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let forever = std::time::Duration::from_secs(3600);
    match answer(&request, before) {
        Act::Reply(status, headers, body) => {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Act::CutShort(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len() + 100);
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Act::HangInBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"time\":").await?;
            tokio::time::sleep(forever).await;
        }
        Act::Hang => tokio::time::sleep(forever).await,
    }
    stream.shutdown().await
}

async fn receive(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            continue;
        };
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let headers = headers.to_lowercase();
        let length = headers.lines().find_map(|h| h.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            let line = line.trim_end_matches(" HTTP/1.1").to_owned();
            return Ok(Request { line, headers, body: body.to_owned() });
        }
    }
}
