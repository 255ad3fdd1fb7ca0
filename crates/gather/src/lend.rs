//! A shard's part in the global concurrency: what it takes, asks for and gives back.

use std::sync::atomic::Ordering;

use crate::shard::Shard;

impl Shard {
    /// Permits in use: leases handed out, whether their tries have begun or not.
    pub(crate) fn in_use(&self) -> u32 {
        let leased = self.frontier.borrow().counts().leased;
        u32::try_from(leased).expect("at most the permits, which are u32")
    }

    /// Permits held that no lease has.
    pub(crate) fn unused_permits(&self) -> u32 {
        self.held.get().saturating_sub(self.in_use())
    }

    pub(crate) fn set_held(&self, held: u32) {
        self.held.set(held);
        self.frontier.borrow_mut().set_permits(held);
    }

    /// Takes free permits for work that waits; asks for its fair share if there are none.
    pub(crate) fn borrow_permits(&self) -> bool {
        if self.unused_permits() > 0 {
            return false;
        }
        let fair = self.run.permits.fair_share();
        let most = match self.keeps_to_its_share() {
            true => fair.max(1).saturating_sub(self.held.get()),
            false => (fair / 4).max(1),
        };
        let got = self.run.permits.take(most);
        if got > 0 {
            self.set_held(self.held.get() + got);
        }
        self.want(if got > 0 { 0 } else { fair.max(1).saturating_sub(self.held.get()) });
        got > 0
    }

    /// Whether this shard leaves the others their share, though they may not have asked for it yet.
    /// None of its hosts has answered, and what it takes for dead ones is gone for long.
    fn keeps_to_its_share(&self) -> bool {
        let is_alone = self.run.is_fed() && self.run.hosts_elsewhere(self.index) == 0;
        self.run.shards() > 1 && !self.frontier.borrow().has_answered() && !is_alone
    }

    /// Tells the other shards how many hosts have work here, and this one how many have there.
    pub(crate) fn compare_hosts(&self) {
        let hosts = self.frontier.borrow().hosts_with_work();
        self.run.hosts[self.index].store(hosts, Ordering::Relaxed);
        let elsewhere = self.run.hosts_elsewhere(self.index);
        self.frontier.borrow_mut().set_hosts_elsewhere(elsewhere);
    }

    pub(crate) fn want(&self, count: u32) {
        self.run.permits.want(count, self.wanted.get());
        self.wanted.set(count);
    }

    /// Gives back an unused permit beyond the fair share if another shard wants it.
    pub(crate) fn lend_permits(&self) {
        let over = self.held.get().saturating_sub(self.run.permits.fair_share());
        if over > 0 && self.run.permits.is_wanted() {
            self.give_permits(over);
        }
    }

    pub(crate) fn give_permits(&self, most: u32) {
        let unused = self.unused_permits().min(most);
        if unused > 0 {
            self.set_held(self.held.get() - unused);
            self.run.permits.give(unused);
            self.run.wake_all();
        }
    }

    /// Gives back everything that is idle, where other shards could use it. What a turn left
    /// unused is idle: there is no work, or its hosts are closed or have all they may have.
    pub(crate) fn give_idle_permits(&self) {
        if self.run.shards() == 1 {
            return;
        }
        if self.frontier.borrow().counts().waiting == 0 {
            self.want(0);
        }
        self.give_permits(u32::MAX);
    }

    /// Takes permits out of the run for good, so that this shard holds `most`.
    pub(crate) fn shrink_to(&self, most: u32) {
        let surplus = self.held.get().saturating_sub(most);
        self.run.permits.retire(surplus);
        self.set_held(self.held.get() - surplus);
    }
}
