//! A proxy that loses requests and answers: between a client and a real server, it does to each request what a test says.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the server; the client's connection is cut.
    Lost,
    /// It reaches the server; its answer does not reach the client.
    AnswerLost,
    /// It reaches the server; the client waits for an answer that does not come.
    Silence,
    /// It reaches the server; the client is told this instead of the answer.
    Instead(u16, &'static str),
    /// It never reaches the server; the client is told this.
    Refused(u16, &'static str),
}

type Rule = Arc<Mutex<Option<(&'static str, &'static str, Fault)>>>;

/// Listens on this machine and passes everything on to one server.
pub struct Proxy {
    pub url: String,
    rule: Rule,
}

impl Proxy {
    /// `upstream`: `http://HOST:PORT`, a path behind it is kept in [`Proxy::url`].
    pub async fn before(upstream: &str) -> Self {
        let rest = upstream.strip_prefix("http://").unwrap();
        let (host, path) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let rule = Rule::default();
        let (host, held) = (host.to_owned(), rule.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (host, rule) = (host.clone(), held.clone());
                tokio::spawn(async move {
                    // A cut connection is what this is for.
                    let _ = pass(client, &host, &rule).await;
                });
            }
        });
        Self { url, rule }
    }

    /// Does this to the next request with that method whose path contains `part`.
    pub fn next(&self, method: &'static str, part: &'static str, fault: Fault) {
        *self.rule.lock().unwrap() = Some((method, part, fault));
    }

    /// Whether the fault that was asked for has happened.
    pub fn done(&self) -> bool {
        self.rule.lock().unwrap().is_none()
    }
}

/// One request on one connection.
async fn pass(mut client: TcpStream, host: &str, rule: &Rule) -> std::io::Result<()> {
    let Some((head, body)) = request(&mut client).await? else { return Ok(()) };
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let fault = {
        let mut rule = rule.lock().unwrap_or_else(PoisonError::into_inner);
        let struck = rule.is_some_and(|(wanted, part, _)| method == wanted && path.contains(part));
        if struck { rule.take().map(|(_, _, fault)| fault) } else { None }
    };
    match fault {
        Some(Fault::Lost) => return Ok(()),
        Some(Fault::Refused(status, text)) => return client.write_all(&answer(status, text)).await,
        _ => {}
    }
    let mut server = TcpStream::connect(host).await?;
    // One request a connection, so that the answer's end is the connection's.
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    server.write_all(&body).await?;
    let mut answered = Vec::new();
    server.read_to_end(&mut answered).await?;
    match fault {
        None => client.write_all(&answered).await,
        Some(Fault::Instead(status, text)) => client.write_all(&answer(status, text)).await,
        Some(Fault::Silence) => {
            // Until the client has had enough.
            client.read(&mut [0; 1]).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}

fn answer(status: u16, text: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}")
        .into_bytes()
}

/// Head and body; none if the client went away before it asked.
async fn request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        match client.read(&mut piece).await? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        match client.read(&mut piece).await? {
            0 => break,
            read => body.extend_from_slice(&piece[..read]),
        }
    }
    Ok(Some((head, body)))
}
