//! A program of the operator's that is run for each message: the message on its stdin, as JSON.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use super::message::Message;
use super::secrets::Secrets;
use super::template;
use super::value::{ConfigError, Fields};

/// Bytes of its stderr that are read; what it prints last is rarely of use.
const STDERR_BYTES_MAX: u64 = 4 << 10;
/// How long its stderr is read after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Characters of one variable: the kernel takes 128 KiB for a string, and little is more.
const VARIABLE_CHARS_MAX: usize = 4_000;

/// The program and its arguments. No shell reads them.
#[derive(Clone)]
pub(super) struct Command {
    argv: Vec<String>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("arguments", &(self.argv.len() - 1)).finish()
    }
}

pub(super) fn parse(
    fields: &mut Fields<'_>,
    secrets: &mut Secrets,
) -> Result<(Command, String), ConfigError> {
    let argv = fields.texts("command")?;
    let Some(program) = argv.first().filter(|program| !program.expose().is_empty()) else {
        let hint = "write the program and its arguments: [\"/usr/local/bin/page-me\", \"--loud\"]";
        return Err(ConfigError::new("it names no program", hint).under("command"));
    };
    if argv.iter().any(|argument| argument.expose().contains('\0')) {
        let hint = "no argument can hold a NUL";
        return Err(ConfigError::new("it cannot be run", hint).under("command"));
    }
    argv.iter().for_each(|argument| secrets.add_text(argument));
    let place = program.shown().to_owned();
    let argv = argv.iter().map(|argument| argument.expose().to_owned()).collect();
    Ok((Command { argv }, place))
}

impl Command {
    /// Runs it and waits for its end; after `timeout` it and what it started are killed.
    ///
    /// # Errors
    /// What went wrong, secrets and all.
    pub(super) async fn run(&self, message: &Message, timeout: Duration) -> Result<String, String> {
        let mut process = Process::new(&self.argv[0]);
        process.args(&self.argv[1..]).stdin(Stdio::piped()).stdout(Stdio::null());
        process.stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
        for (name, value) in variables(message) {
            process.env(name, value);
        }
        let mut child = process.spawn().map_err(|error| format!("it cannot be run: {error}"))?;
        let body = template::context(message).to_string();
        match tokio::time::timeout(timeout, talk(&mut child, &body)).await {
            Ok(ended) => ended,
            Err(_) => {
                kill(&child);
                // Its end is taken note of, so that no zombie is left.
                drop(child.wait().await);
                Err(format!("it did not end within {timeout:?}"))
            }
        }
    }
}

/// Kills the program and what it started, which are a group of their own.
fn kill(child: &Child) {
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
    if let Some(pid) = pid {
        // It may have ended in this moment.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

async fn talk(child: &mut Child, body: &str) -> Result<String, String> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // It need not read what it is told.
            drop(stdin.write_all(body.as_bytes()).await);
        }
    };
    let read = async {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            drop((&mut stderr).take(STDERR_BYTES_MAX).read_to_end(&mut said).await);
            // Read on, or it waits for room in the pipe.
            drop(tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await);
        }
        said
    };
    let talk = async { tokio::join!(write, read).1 };
    tokio::pin!(talk);
    let (said, status) = tokio::select! {
        biased;
        said = &mut talk => (said, child.wait().await),
        status = child.wait() => {
            // What it left running may hold its stderr open: that is not waited for.
            let said = tokio::time::timeout(LAST_WORDS, &mut talk).await;
            (said.unwrap_or_default(), status)
        }
    };
    let status = status.map_err(|error| format!("its end is not known: {error}"))?;
    if status.success() {
        return Ok("exit status 0".to_owned());
    }
    let said = String::from_utf8_lossy(&said);
    let colon = if said.trim().is_empty() { "" } else { ": " };
    Err(format!("{status}{colon}{}", said.trim()))
}

/// What shell scripts want to know, without reading JSON.
fn variables(message: &Message) -> Vec<(&'static str, String)> {
    let first = message.first();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut variables = vec![
        ("GATHER_KEY", message.key.clone()),
        ("GATHER_TITLE", message.title.clone()),
        ("GATHER_TEXT", message.text.clone()),
        ("GATHER_SEVERITY", message.severity.as_str().to_owned()),
        ("GATHER_COUNT", message.count.to_string()),
        ("GATHER_EVENT", first.event.to_owned()),
        ("GATHER_JOB", first.job.clone()),
        ("GATHER_TARGET", text(&first.target)),
        ("GATHER_URL", text(&first.url)),
        ("GATHER_GROUP", text(&first.group)),
        ("GATHER_STATE", first.state.to_owned()),
        ("GATHER_AT", first.at.clone()),
        ("GATHER_SINCE", first.since.clone()),
        ("GATHER_LASTED_S", first.lasted_s.map(|s| s.to_string()).unwrap_or_default()),
        ("GATHER_REASON", first.reason.clone()),
        ("GATHER_STATUS_CODE", first.status_code.map(|n| n.to_string()).unwrap_or_default()),
        ("GATHER_INCIDENT", first.incident.map(|n| n.to_string()).unwrap_or_default()),
        ("GATHER_LINK", text(&first.link)),
    ];
    for (_, value) in &mut variables {
        *value = crate::human::clipped(&value.replace('\0', ""), VARIABLE_CHARS_MAX);
    }
    variables
}
