//! States as they are shown: a word and a shape beside each colour.

/// What is shown of a target, or of a piece of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shown {
    /// It does not answer, or says that it is broken.
    Down,
    /// It failed just now, and is being confirmed.
    Suspect,
    /// It answers, though not as it should.
    Degraded,
    /// It says that we ask too much.
    Limited,
    /// Our own side kept it from being checked.
    Unknown,
    /// A maintenance window is open.
    Maintenance,
    /// Nothing is known of this time.
    #[default]
    NoData,
    /// It answers as it should.
    Up,
}

impl Shown {
    /// From worst to best.
    pub(crate) const ALL: [Self; 8] = [
        Self::Down,
        Self::Suspect,
        Self::Degraded,
        Self::Limited,
        Self::Unknown,
        Self::Maintenance,
        Self::NoData,
        Self::Up,
    ];

    /// For people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoData => "no data",
            _ => self.class(),
        }
    }

    /// Its class in the style sheet, and its name in addresses.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Suspect => "suspect",
            Self::Degraded => "degraded",
            Self::Limited => "limited",
            Self::Unknown => "unknown",
            Self::Maintenance => "maintenance",
            Self::NoData => "no-data",
            Self::Up => "up",
        }
    }

    /// Its colour in drawings that have no style sheet: 4.5:1 under white text.
    pub(crate) const fn colour(self) -> &'static str {
        match self {
            Self::Down => "#c4232f",
            Self::Suspect => "#b04a00",
            Self::Degraded => "#8f6000",
            Self::Limited => "#7a4bd0",
            Self::Unknown | Self::NoData => "#636c76",
            Self::Maintenance => "#0a62c9",
            Self::Up => "#1f7a43",
        }
    }
}
