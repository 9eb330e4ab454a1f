//! Driving a running window from outside: JSON lines on a local socket that only its user can reach.
//!
//! A request is one line: `{"command": ["name", argument…]}`, `{"get": "state"}` or `{"get": "screenshot"}`, with
//! an optional `"id"` that comes back. The answer is one line: `{"ok": true, …}` or `{"ok": false, "error": …}`.
//! The server only carries: the interface thread answers in its own pass.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};

use crate::engine::Wake;

/// What a client asked.
#[derive(Debug, PartialEq)]
pub enum Request {
    Command { name: String, arguments: Vec<Value> },
    State,
    Screenshot,
    Commands,
}

/// A request and the place its answer goes to. Dropped without an answer, the client is told so.
pub struct Pending {
    pub request: Request,
    id: Option<Value>,
    reply: Sender<Value>,
}

impl Pending {
    pub fn answer(self, mut answer: Value) {
        if let (Some(id), Some(object)) = (self.id, answer.as_object_mut()) {
            object.insert("id".into(), id);
        }
        // A client that went away needs no answer.
        let _ = self.reply.send(answer);
    }

    pub fn done(self) {
        self.answer(json!({ "ok": true }));
    }

    pub fn refuse(self, error: impl Into<String>) {
        self.answer(json!({ "ok": false, "error": error.into() }));
    }
}

/// The listening socket; it is removed again when the server is dropped.
pub struct Server {
    path: PathBuf,
    requests: Receiver<Pending>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the control socket could not be opened ({message}): {path}", path = path.display())]
pub struct IpcError {
    path: PathBuf,
    message: String,
}

/// A line longer than this is refused; nothing that is asked needs it.
const LONGEST_LINE_BYTES: u64 = 1 << 20;
/// Connections served at once; further ones wait for a place by being closed at once with a word.
const MOST_CLIENTS: usize = 16;

impl Server {
    /// Listens at `path`. A stale socket file of a program that is gone is replaced, a live one is not.
    pub fn open(path: &Path, wake: Wake) -> Result<Self, IpcError> {
        let failed = |message: String| IpcError { path: path.to_owned(), message };
        if path.exists() {
            if UnixStream::connect(path).is_ok() {
                return Err(failed("another program answers there".into()));
            }
            let kind = std::fs::symlink_metadata(path).map_err(|error| failed(error.to_string()))?.file_type();
            if !std::os::unix::fs::FileTypeExt::is_socket(&kind) {
                return Err(failed("the path is taken by something that is not a socket".into()));
            }
            std::fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
        }
        // Bound inside a folder of its own that nobody else can enter, then moved: at no moment can others connect.
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let closed = tempfile::Builder::new()
            .prefix(".sonolens")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map_err(|error| failed(error.to_string()))?;
        let bound = closed.path().join("s");
        let listener = UnixListener::bind(&bound).map_err(|error| failed(error.to_string()))?;
        std::fs::set_permissions(&bound, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| std::fs::rename(&bound, path))
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(|error| failed(error.to_string()))?;

        let (sender, requests) = bounded(64);
        let stop = Arc::new(AtomicBool::new(false));
        let thread_stop = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("control socket".into())
            .spawn(move || listen(&listener, &sender, &wake, &thread_stop))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: path.to_owned(), requests, stop, thread: Some(thread) })
    }

    /// The next request, if one is waiting.
    pub fn poll(&self) -> Option<Pending> {
        self.requests.try_recv().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn listen(listener: &UnixListener, requests: &Sender<Pending>, wake: &Wake, stop: &Arc<AtomicBool>) {
    let mut clients: Vec<std::thread::JoinHandle<()>> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        clients.retain(|client| !client.is_finished());
        match listener.accept() {
            Ok((mut stream, _)) if clients.len() >= MOST_CLIENTS => {
                let _ = writeln!(stream, "{}", json!({ "ok": false, "error": "too many connections" }));
            }
            Ok((stream, _)) => {
                let (requests, wake, stop) = (requests.clone(), Arc::clone(wake), Arc::clone(stop));
                let serving = std::thread::Builder::new()
                    .name("control client".into())
                    .spawn(move || serve(stream, &requests, &wake, &stop));
                if let Ok(thread) = serving {
                    clients.push(thread);
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    for client in clients {
        let _ = client.join();
    }
}

fn serve(stream: UnixStream, requests: &Sender<Pending>, wake: &Wake, stop: &AtomicBool) {
    // Reads time out so that the thread notices the end of the program.
    if stream.set_nonblocking(false).is_err() || stream.set_read_timeout(Some(Duration::from_millis(100))).is_err() {
        return;
    }
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match reader.by_ref().take(LONGEST_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) if line.last() != Some(&b'\n') && line.len() as u64 >= LONGEST_LINE_BYTES => {
                let _ = writeln!(writer, "{}", json!({ "ok": false, "error": "line too long" }));
                return;
            }
            Ok(_) => {
                let answer = match parse(&line) {
                    Ok((request, id)) => ask(request, id, requests, wake, stop),
                    Err(error) => json!({ "ok": false, "error": error }),
                };
                line.clear();
                if writeln!(writer, "{answer}").is_err() {
                    return;
                }
            }
            // A time-out keeps what was read so far of the line.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

fn ask(request: Request, id: Option<Value>, requests: &Sender<Pending>, wake: &Wake, stop: &AtomicBool) -> Value {
    let (reply, answer) = bounded(1);
    if requests.send(Pending { request, id, reply }).is_err() {
        return json!({ "ok": false, "error": "the window is closing" });
    }
    wake();
    loop {
        match answer.recv_timeout(Duration::from_millis(100)) {
            Ok(answer) => return answer,
            Err(crossbeam_channel::RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => {}
            Err(_) => return json!({ "ok": false, "error": "the window did not answer" }),
        }
    }
}

/// One request line. Errors are words for the client.
fn parse(line: &[u8]) -> Result<(Request, Option<Value>), String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let object = value.as_object().ok_or("a request is a JSON object")?;
    let id = object.get("id").cloned();
    if let Some(command) = object.get("command") {
        let words = command.as_array().ok_or("\"command\" is an array: the name, then arguments")?;
        let (name, arguments) = words.split_first().ok_or("\"command\" is empty")?;
        let name = name.as_str().ok_or("the command's name is a string")?.to_owned();
        return Ok((Request::Command { name, arguments: arguments.to_vec() }, id));
    }
    match object.get("get").and_then(Value::as_str) {
        Some("state") => Ok((Request::State, id)),
        Some("screenshot") => Ok((Request::Screenshot, id)),
        Some("commands") => Ok((Request::Commands, id)),
        Some(other) => Err(format!("there is no \"{other}\" to get: state, screenshot or commands")),
        None => Err("a request has \"command\" or \"get\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_parsed_and_nonsense_is_refused() {
        assert_eq!(
            parse(br#"{"command":["seek",2.5],"id":7}"#),
            Ok((Request::Command { name: "seek".into(), arguments: vec![2.5.into()] }, Some(7.into())))
        );
        assert_eq!(parse(br#"{"get":"state"}"#), Ok((Request::State, None)));
        for nonsense in ["", "[]", "{}", "nonsense", r#"{"command":[]}"#, r#"{"command":[1]}"#, r#"{"get":"moon"}"#] {
            assert!(parse(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_client_is_answered_and_the_socket_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let server = Server::open(&path, Arc::new(|| {})).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"{\"get\":\"sta").unwrap();
        std::thread::sleep(Duration::from_millis(150));
        client.write_all(b"te\",\"id\":1}\nnot json\n").unwrap();
        let pending = loop {
            if let Some(pending) = server.poll() {
                break pending;
            }
        };
        assert_eq!(pending.request, Request::State);
        pending.answer(json!({ "ok": true, "state": 5 }));
        let mut lines = BufReader::new(client).lines();
        assert_eq!(
            serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap(),
            json!({"ok":true,"state":5,"id":1})
        );
        assert!(lines.next().unwrap().unwrap().contains("not JSON"));
        assert!(Server::open(&path, Arc::new(|| {})).is_err(), "a live socket is not taken over");
        drop(server);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        assert!(Server::open(&path, Arc::new(|| {})).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
    }
}
