//! Targets that a program makes itself, as a source.

use gather_core::target::{Target, TargetNo};
use tokio::sync::mpsc;

use super::{Item, Progress, Source, SourceError};

/// What comes through a channel, until all its senders are gone. Targets are numbered as they
/// come; the numbers they have are overwritten.
pub fn from_targets(targets: mpsc::Receiver<Target>) -> Box<dyn Source> {
    Box::new(Channel { targets, next: 0 })
}

/// What an iterator yields, which may block. Targets are numbered as they come.
pub fn from_iter<I>(targets: I) -> Box<dyn Source>
where
    I: IntoIterator<Item = Target>,
    I::IntoIter: Send + 'static,
{
    Box::new(Iter { targets: targets.into_iter(), next: 0 })
}

struct Channel {
    targets: mpsc::Receiver<Target>,
    next: u64,
}

impl Source for Channel {
    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        let Some(first) = self.targets.blocking_recv() else { return Ok(Progress::End) };
        into.push(number(first, &mut self.next));
        for _ in 1..max {
            // Nothing there yet, or nothing any more: the next call tells which.
            let Ok(target) = self.targets.try_recv() else { break };
            into.push(number(target, &mut self.next));
        }
        Ok(Progress::More)
    }
}

struct Iter<I> {
    targets: I,
    next: u64,
}

impl<I: Iterator<Item = Target> + Send> Source for Iter<I> {
    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        for _ in 0..max.max(1) {
            let Some(target) = self.targets.next() else { return Ok(Progress::End) };
            into.push(number(target, &mut self.next));
        }
        Ok(Progress::More)
    }
}

fn number(mut target: Target, next: &mut u64) -> Item {
    target.n = TargetNo(*next);
    *next += 1;
    Item::Target(target)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn target(host: &str) -> Target {
        let url = Url::parse(&format!("http://{host}/")).expect("valid");
        Target::new(TargetNo(99), url).expect("http")
    }

    fn show(items: &[Item]) -> Vec<String> {
        items
            .iter()
            .map(|item| match item {
                Item::Target(target) => format!("{} {}", target.n.0, target.url),
                Item::Broken(broken) => panic!("{broken:?}"),
            })
            .collect()
    }

    #[test]
    fn a_channel_is_read_until_its_senders_are_gone() {
        let (send, receive) = mpsc::channel(4);
        let mut source = from_targets(receive);
        let mut items = Vec::new();
        for host in ["a", "b", "c"] {
            send.blocking_send(target(host)).expect("open");
        }
        assert_eq!(source.read(&mut items, 2).expect("never fails"), Progress::More);
        assert_eq!(show(&items), ["0 http://a/", "1 http://b/"]);
        assert_eq!(source.read(&mut items, 2).expect("never fails"), Progress::More);
        assert_eq!(show(&items[2..]), ["2 http://c/"]);
        drop(send);
        assert_eq!(source.read(&mut items, 2).expect("never fails"), Progress::End);
        assert_eq!(items.len(), 3);
    }

    #[test]
    fn an_iterator_is_read_to_its_end() {
        let mut source = from_iter(["a", "b", "c"].map(target));
        let mut items = Vec::new();
        while source.read(&mut items, 2).expect("never fails") == Progress::More {}
        assert_eq!(show(&items), ["0 http://a/", "1 http://b/", "2 http://c/"]);
    }
}
