//! The intake's two threads: one that may block in the source, one that hands out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gather_core::Target;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::state::Intake;
use super::{FromShard, IntakeConfig, ToShard};
use crate::source::{Ahead, Progress, Source, SourceError};

/// A shard's ends of the channels to and from the intake.
#[derive(Debug)]
pub struct ShardPort {
    /// What the shard is given. It closes without `AllHanded` after `Stop`, and after a
    /// `Failed` about the temporary file.
    pub from_intake: mpsc::Receiver<ToShard>,
    /// What the shard says, with `try_send`; it keeps what does not fit and says it later.
    /// Closed once the intake has handed out everything: nothing needs saying then.
    pub to_intake: mpsc::Sender<FromShard>,
    /// Whether the source was read to its end, even if targets are still held back.
    pub read_to_end: Arc<AtomicBool>,
}

/// Asked about each target as it is handed out: what the cache has for it. It may block.
pub type LookUp = Box<dyn FnMut(&mut Target) + Send>;

/// Messages on their way to one shard; each has up to 128 targets.
const TO_SHARD_MESSAGES_MAX: usize = 16;
/// Messages on their way from all shards.
const FROM_SHARD_MESSAGES_MAX: usize = 1024;
/// Batches read and not taken in, and how many items they have.
const READ_BATCHES_MAX: usize = 2;
const READ_ITEMS_MAX: usize = 256;
/// The first batch is small: the first request should not wait for a thousand lines.
const READ_ITEMS_FIRST: usize = 64;

/// Starts reading; one port for each shard of `config.owners`.
///
/// The threads end with the source, by `FromShard::Stop`, or when all ports are dropped. A thread
/// that blocks in a pipe stays until the pipe speaks or the process ends.
///
/// # Errors
/// A thread cannot be started.
pub fn start(
    source: Box<dyn Source>,
    config: &IntakeConfig,
    look_up: Option<LookUp>,
) -> io::Result<Vec<ShardPort>> {
    let read_to_end = Arc::new(AtomicBool::new(false));
    let (to_intake, from_shards) = mpsc::channel(FROM_SHARD_MESSAGES_MAX);
    let (read_out, read_in) = mpsc::channel(READ_BATCHES_MAX);
    let mut to_shards = Vec::new();
    let mut ports = Vec::new();
    for _ in 0..config.owners.shards() {
        let (to_shard, from_intake) = mpsc::channel(TO_SHARD_MESSAGES_MAX);
        to_shards.push(Some(to_shard));
        ports.push(ShardPort {
            from_intake,
            to_intake: to_intake.clone(),
            read_to_end: Arc::clone(&read_to_end),
        });
    }
    let driver = Driver {
        intake: Intake::new(config),
        to_shards,
        from_shards,
        read: Some(read_in),
        read_ahead: None,
        read_to_end,
        failure: None,
        next_blocked: 0,
        look_up,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    thread::Builder::new()
        .name("gather-intake".into())
        .spawn(move || runtime.block_on(driver.run()))?;
    thread::Builder::new()
        .name("gather-source".into())
        .spawn(move || read_source(source, &read_out))?;
    Ok(ports)
}

/// What the reading thread has to say.
enum Read {
    Items(Vec<Ahead>),
    End,
    Failed(SourceError),
}

fn read_source(mut source: Box<dyn Source>, out: &mpsc::Sender<Read>) {
    let mut max = READ_ITEMS_FIRST;
    loop {
        let mut items = Vec::with_capacity(max);
        let progress = source.read_ahead(&mut items, max);
        if !items.is_empty() && out.blocking_send(Read::Items(items)).is_err() {
            return;
        }
        let last = match progress {
            Ok(Progress::More) => {
                max = READ_ITEMS_MAX;
                continue;
            }
            Ok(Progress::End) => Read::End,
            Err(error) => Read::Failed(error),
        };
        // Nobody listens any more after a stop.
        let _ = out.blocking_send(last);
        return;
    }
}

struct Driver {
    intake: Intake,
    /// `None` once a shard was told the last it will be told.
    to_shards: Vec<Option<mpsc::Sender<ToShard>>>,
    from_shards: mpsc::Receiver<FromShard>,
    /// `None` once the source was read to its end.
    read: Option<mpsc::Receiver<Read>>,
    /// A batch that the intake does not want yet. It is taken out of the channel all the same, so
    /// that the end of the source is seen even while all windows are full.
    read_ahead: Option<Vec<Ahead>>,
    read_to_end: Arc<AtomicBool>,
    /// Why reading ended early, until shard 0 was told.
    failure: Option<SourceError>,
    next_blocked: usize,
    look_up: Option<LookUp>,
}

/// Whether there is more to do.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    Stop,
}

impl Driver {
    async fn run(mut self) {
        loop {
            match self.step().await {
                Ok(Step::On) => {}
                Ok(Step::Stop) => return,
                Err(error) => return self.fail(error).await,
            }
        }
    }

    /// Hands out what can be handed out, then waits for news.
    async fn step(&mut self) -> Result<Step, SourceError> {
        if self.intake.wants_input() {
            for item in self.read_ahead.take().into_iter().flatten() {
                self.intake.offer(item).map_err(SourceError::Spill)?;
            }
        }
        self.tell_shard_0();
        for shard in 0..self.to_shards.len() {
            self.hand(shard).map_err(SourceError::Spill)?;
        }
        if self.to_shards.iter().all(Option::is_none) {
            return Ok(Step::Stop);
        }
        if self.read_ahead.is_some() && self.intake.wants_input() {
            return Ok(Step::On);
        }
        let blocked = self.blocked();
        let may_read = self.read_ahead.is_none();
        let read = async {
            match &mut self.read {
                Some(read) if may_read => read.recv().await,
                _ => std::future::pending().await,
            }
        };
        let space = async {
            match blocked.and_then(|shard| self.to_shards[shard].as_ref()) {
                // Closed or free: both are found out by the next round of sending.
                Some(to_shard) => drop(to_shard.reserve().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            said = self.from_shards.recv() => match said {
                Some(FromShard::Stop) | None => return Ok(Step::Stop),
                Some(said) => {
                    self.hear(said)?;
                    // What else was said meanwhile, before anything is handed out again.
                    while let Ok(said) = self.from_shards.try_recv() {
                        if matches!(said, FromShard::Stop) {
                            return Ok(Step::Stop);
                        }
                        self.hear(said)?;
                    }
                }
            },
            read = read => match read {
                Some(Read::Items(items)) => self.read_ahead = Some(items),
                Some(Read::Failed(error)) => {
                    self.failure = Some(error);
                    self.end_reading();
                }
                Some(Read::End) | None => self.end_reading(),
            },
            () = space => {}
        }
        Ok(Step::On)
    }

    fn end_reading(&mut self) {
        self.read = None;
        self.intake.end();
        self.read_to_end.store(true, Ordering::Release);
    }

    fn hear(&mut self, said: FromShard) -> Result<(), SourceError> {
        match said {
            FromShard::Took(hosts) => hosts
                .iter()
                .try_for_each(|(host, count)| self.intake.took(host, *count))
                .map_err(SourceError::Spill),
            FromShard::Hungry { shard } => {
                self.intake.hungry(shard);
                Ok(())
            }
            FromShard::Stop => Ok(()),
        }
    }

    /// Sends a shard what it can take, and lets it go when it has everything.
    fn hand(&mut self, shard: usize) -> io::Result<()> {
        let Some(to_shard) = &self.to_shards[shard] else { return Ok(()) };
        while self.intake.is_behind(shard)
            && let Ok(permit) = to_shard.try_reserve()
        {
            let mut targets = self.intake.drain(shard)?;
            if targets.is_empty() {
                // All that was moved is held back. There is more to move, but others first.
                return Ok(());
            }
            if let Some(look_up) = &mut self.look_up {
                targets.iter_mut().for_each(look_up);
            }
            permit.send(ToShard::Admit(targets));
        }
        let is_done = self.intake.is_all_handed(shard) && (shard != 0 || self.has_told_shard_0());
        let is_told =
            is_done && !matches!(to_shard.try_send(ToShard::AllHanded), Err(TrySendError::Full(_)));
        if is_told || to_shard.is_closed() {
            self.to_shards[shard] = None;
        }
        Ok(())
    }

    fn has_told_shard_0(&self) -> bool {
        self.intake.has_no_broken() && self.failure.is_none()
    }

    fn tell_shard_0(&mut self) {
        let Some(to_shard) = &self.to_shards[0] else { return };
        if !self.intake.has_no_broken()
            && let Ok(permit) = to_shard.try_reserve()
        {
            permit.send(ToShard::Broken(self.intake.drain_broken()));
        }
        if self.failure.is_some()
            && let Ok(permit) = to_shard.try_reserve()
            && let Some(error) = self.failure.take()
        {
            permit.send(ToShard::Failed(error));
        }
    }

    /// A shard whose channel is full although there is something for it; another one each time.
    fn blocked(&mut self) -> Option<usize> {
        let count = self.to_shards.len();
        let found = (0..count).map(|step| (self.next_blocked + step) % count).find(|&shard| {
            let has_news = self.intake.is_behind(shard)
                || self.intake.is_all_handed(shard)
                || (shard == 0 && !self.has_told_shard_0());
            has_news && self.to_shards[shard].is_some()
        })?;
        self.next_blocked = found + 1;
        Some(found)
    }

    async fn fail(mut self, error: SourceError) {
        tracing::debug!(%error, "the intake stops");
        if let Some(to_shard) = self.to_shards[0].take() {
            // A shard that is gone has stopped the run already.
            let _ = to_shard.send(ToShard::Failed(error)).await;
        }
    }
}
