//! A proxy between a client and a real server: it loses requests and answers when a test says so, or has a door that lets
//! in whom it likes and adds to what the server says.

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

/// A request, as a door sees it.
pub struct Asked {
    pub path: String,
    head: String,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What a door says: a status, more header fields, a body.
#[derive(Default)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What stands before a server.
pub trait Door: Send + Sync + 'static {
    /// Its own answer; none lets the request through.
    fn asked(&self, asked: &Asked) -> Option<Said>;

    /// What becomes of the server's answer.
    fn answered(&self, asked: &Asked, said: Said) -> Said;
}

/// Listens on this machine and passes everything on to one server.
pub struct Proxy {
    pub url: String,
    rule: Rule,
}

impl Proxy {
    /// `upstream`: `http://HOST:PORT`, a path behind it is kept in [`Proxy::url`].
    pub async fn before(upstream: &str) -> Self {
        Self::with(upstream, None).await
    }

    /// With a door.
    pub async fn behind(upstream: &str, door: Arc<dyn Door>) -> Self {
        Self::with(upstream, Some(door)).await
    }

    async fn with(upstream: &str, door: Option<Arc<dyn Door>>) -> Self {
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
                let (host, rule, door) = (host.clone(), held.clone(), door.clone());
                tokio::spawn(async move {
                    // A cut connection is what this is for.
                    let _ = match door {
                        Some(door) => through(client, &host, door.as_ref()).await,
                        None => pass(client, &host, &rule).await,
                    };
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
        Some(Fault::Refused(status, text)) => return client.write_all(&answer(status, &[], text)).await,
        _ => {}
    }
    let answered = passed_on(host, &head, &body).await?;
    match fault {
        None => client.write_all(&answered).await,
        Some(Fault::Instead(status, text)) => client.write_all(&answer(status, &[], text)).await,
        Some(Fault::Silence) => {
            // Until the client has had enough.
            client.read(&mut [0; 1]).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}

/// One request on one connection, past a door.
async fn through(mut client: TcpStream, host: &str, door: &dyn Door) -> std::io::Result<()> {
    let Some((head, body)) = request(&mut client).await? else { return Ok(()) };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let asked = Asked { path, body: String::from_utf8_lossy(&body).into_owned(), head: head.clone() };
    let said = match door.asked(&asked) {
        Some(said) => said,
        None => {
            // To a client of the old version no server answers in chunks.
            let answered = passed_on(host, &head.replacen("HTTP/1.1", "HTTP/1.0", 1), &body).await?;
            let text = String::from_utf8_lossy(&answered);
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            door.answered(&asked, Said { status, body: body.to_owned(), ..Said::default() })
        }
    };
    client.write_all(&answer(said.status, &said.headers, &said.body)).await
}

/// The server's answer to a request: one a connection, so that the answer's end is the connection's.
async fn passed_on(host: &str, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(host).await?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    server.write_all(body).await?;
    let mut answered = Vec::new();
    server.read_to_end(&mut answered).await?;
    Ok(answered)
}

fn answer(status: u16, headers: &[(&str, String)], text: &str) -> Vec<u8> {
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if status == 304 { String::new() } else { format!("content-length: {}\r\n", text.len()) };
    format!("HTTP/1.1 {status} .\r\ncontent-type: application/json\r\n{length}{more}connection: close\r\n\r\n{text}")
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
