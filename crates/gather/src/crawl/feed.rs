//! Pages to be fetched, as a stream that waits while pages are still read for links.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use gather_core::crawl::{Discovery, PageNo, Traps};
use gather_core::{Target, TargetNo};
use url::Url;

use super::number;

/// What was found, and what is still to be read.
pub(super) struct Found {
    pub(super) discovery: Discovery,
    traps: Traps,
    /// Pages not fetched since there are too many like them.
    pub(super) trapped: u64,
    /// Pages handed out whose links are not known yet.
    unread: u64,
    waker: Option<Waker>,
    depth: Arc<str>,
    parent: Arc<str>,
}

impl Found {
    pub(super) fn new(discovery: Discovery, traps: Traps) -> Self {
        Self {
            discovery,
            traps,
            trapped: 0,
            unread: 0,
            waker: None,
            depth: "depth".into(),
            parent: "parent".into(),
        }
    }

    /// The page of a record.
    pub(super) fn page_of(&self, n: u64) -> PageNo {
        self.discovery.page_at(n).expect("a record is of a page that was handed out")
    }

    /// The links of a page are known, or it has none.
    pub(super) fn is_read(&mut self) {
        self.unread -= 1;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn next_target(&mut self) -> Option<Target> {
        loop {
            let found = self.discovery.next_page()?;
            let url = Url::parse(&found.url).expect("it was written by a parsed URL");
            if self.traps.count(&url).is_err() {
                self.trapped += 1;
                continue;
            }
            let n = number(found.page);
            let mut target = Target::new(TargetNo(n), url).expect("within a scope of http");
            let mut tags = vec![(Arc::clone(&self.depth), found.depth.to_string().into())];
            if let Some(parent) = found.parent {
                let parent = self.discovery.url(parent).as_ref().into();
                tags.push((Arc::clone(&self.parent), parent));
            }
            target.tags = Some(Box::new(tags));
            self.unread += 1;
            return Some(target);
        }
    }
}

/// The pages to be fetched. It ends when all were read and none is left.
pub(super) struct Feed(Rc<RefCell<Found>>);

impl Feed {
    pub(super) fn new(found: &Rc<RefCell<Found>>) -> Self {
        Self(Rc::clone(found))
    }
}

impl Stream for Feed {
    type Item = Target;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Target>> {
        let mut found = self.0.borrow_mut();
        match found.next_target() {
            Some(target) => Poll::Ready(Some(target)),
            None if found.unread == 0 => Poll::Ready(None),
            None => {
                found.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
